// SPDX-License-Identifier: Apache-2.0

internal import Synchronization
internal import Training

/// What the server tells whoever asks over the network.
extension Aggregator {
    func publicReports() async throws -> APIResponse {
        try await compute.run { try .json(self.observatory.overview().tasks.map { Self.public($0.report) }) }
    }

    func publicReport(on name: String) async throws -> APIResponse {
        try await compute.run {
            guard let task = try self.observatory.overview().tasks.first(where: { $0.report.task == name }) else {
                throw APIError(404, "task \(name): does not exist")
            }
            return try .json(Self.public(task.report))
        }
    }

    private static func `public`(_ report: TaskReport) -> TaskReport {
        var report = report
        report.serverPeakMiB = Double(ProcessMemory.peak() ?? 0) / 1_048_576
        return report
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
