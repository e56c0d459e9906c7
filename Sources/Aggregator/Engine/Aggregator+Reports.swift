// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Rounds
internal import Store
internal import Synchronization
internal import Training

/// What the server tells whoever asks over the network.
extension Aggregator {
    func publicReports() async throws -> APIResponse {
        try await compute.run {
            let tasks = try self.store.read { session in try session.tasks() }
            return try .json(tasks.map { try self.report(on: $0) })
        }
    }

    func publicReport(on name: String) async throws -> APIResponse {
        try await compute.run {
            guard let task = try self.store.read({ session in try session.task(name) }) else {
                throw APIError(404, "task \(name): does not exist")
            }
            return try .json(self.report(on: task))
        }
    }

    /// A task's report without this machine's paths.
    private func report(on task: TaskRecord) throws -> TaskReport {
        let now = now()
        return try store.read { session in
            let ledger = try Ledger(stored: session.ledger(of: task.population), population: task.population)
            var report = try Administration.report(
                on: task,
                session: session,
                ledger: ledger,
                configuration: environment.configuration
            )
            report.waitingClients = try session.waitingCount(for: task.planHash, now: now)
            report.modelFolder = ""
            report.database = ""
            report.serverPeakMiB = Double(ProcessMemory.peak() ?? 0) / 1_048_576
            return report
        }
    }

    /// What the service has done since it started.
    package func serviceReport() -> ServiceReport {
        traffic.withLock { traffic in
            ServiceReport(
                requests: traffic.requests,
                refusals: traffic.refusals,
                bytesUp: traffic.bytesUp,
                bytesDown: traffic.bytesDown,
                peakMiB: Double(ProcessMemory.peak() ?? 0) / 1_048_576
            )
        }
    }
}
