// SPDX-License-Identifier: Apache-2.0

/// Who has asked for work lately. A round opens once a whole cohort is there, so that no privacy is reserved for a round
/// that nobody would come to.
struct WaitingRoom {
    /// A client that has not asked for so long is taken to be away.
    static let patienceMilliseconds: UInt64 = 10_000

    private var lastSeen: [String: (time: UInt64, refused: Set<String>)] = [:]

    mutating func note(_ client: String, refusing tasks: [String], now: UInt64) {
        lastSeen[client] = (now, Set(tasks))
    }

    /// Clients that are there and would take part in the task.
    mutating func count(for task: String, now: UInt64) -> Int {
        lastSeen = lastSeen.filter { now < $0.value.time + Self.patienceMilliseconds }
        return lastSeen.values.count { !$0.refused.contains(task) }
    }
}
