// SPDX-License-Identifier: Apache-2.0

internal import Store

/// Everything that watchers are shown, at one moment.
package struct Overview: Sendable {
    package var clients: Int
    /// The number of the last event when this was read.
    package var lastEvent: Int64
    /// Oldest first.
    package var tasks: [TaskState] = []
    package var populations: [String: PopulationReport] = [:]
    var tallies: [String: Tally] = [:]

    init(clients: Int, lastEvent: Int64) {
        self.clients = clients
        self.lastEvent = lastEvent
    }
}

/// Sums over all attempts of a task. None of them falls.
struct AttemptSums: Sendable, Equatable {
    var committed = 0
    var abandoned = 0
    var updates = 0
    var uploadBytes = 0

    mutating func add(_ attempt: AttemptRecord) {
        switch attempt.state {
        case .open, .closing: break
        case .committed: committed += 1
        case .abandoned: abandoned += 1
        }
        updates += attempt.accepted
        uploadBytes += attempt.bytesUp
    }
}

struct Tally: Sendable, Equatable {
    /// Rounds up to this one are in `settled`.
    var settledRound = 0
    var settled = AttemptSums()
    var all = AttemptSums()
}
