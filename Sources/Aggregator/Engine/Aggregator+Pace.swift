// SPDX-License-Identifier: Apache-2.0

internal import Rounds
internal import Store
internal import Synchronization

/// What pace steering knows: how many clients come, and when something last happened in a task.
struct PaceState {
    var clients = 0
    var clientsCountedAt: UInt64 = 0
    /// By task: the latest change and what it was recognised by.
    var lastChange: [String: (mark: String, at: UInt64)] = [:]

    /// How long nothing has changed in a task.
    mutating func quiet(_ task: TaskRecord, _ round: RoundRecord?, now: UInt64) -> UInt64 {
        let mark = "\(task.status) \(task.round) \(round?.identifier.attempt ?? 0) \(round?.accepted ?? 0)"
        guard let last = lastChange[task.name], last.mark == mark else {
            lastChange[task.name] = (mark, now)
            return 0
        }
        return now - min(now, last.at)
    }

    /// Clients that come, counted anew each second.
    mutating func clients(_ session: StoreSession, now: UInt64) throws -> Int {
        if now >= clientsCountedAt + 1000 || now < clientsCountedAt {
            clients = try session.waitingCount(now: now)
            clientsCountedAt = now
        }
        return clients
    }
}
