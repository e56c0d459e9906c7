// SPDX-License-Identifier: Apache-2.0

/// Names one try at one round of a task.
package struct RoundIdentifier: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let task: String
    /// 1 for the first round.
    package let round: Int
    /// 1 for the first attempt at the round; an attempt with too few survivors is followed by the next.
    package let attempt: Int

    package init(task: String, round: Int, attempt: Int) {
        self.task = task
        self.round = round
        self.attempt = attempt
    }

    package static func < (left: RoundIdentifier, right: RoundIdentifier) -> Bool {
        (left.task, left.round, left.attempt) < (right.task, right.round, right.attempt)
    }

    package var description: String { "task \(task), round \(round), attempt \(attempt)" }
}
