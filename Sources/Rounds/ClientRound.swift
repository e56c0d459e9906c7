// SPDX-License-Identifier: Apache-2.0

/// The client's side of one attempt at a round, as a pure state machine: no input or output, no clock, no randomness.
///
/// It guards one promise: for one attempt a device computes at most one vector and draws noise at most once, whatever
/// crashes in between. Every step that the caller takes is preceded by the durable record that the machine asks for, so
/// after a restart the record alone says what may still be done: send exactly the sealed bytes, or drop out.
package struct ClientRound: Hashable, Sendable {
    /// How far the attempt has come, as it is recorded on disk. The raw values are part of the journal's format.
    package enum Stage: Int, Sendable, Comparable {
        /// About to draw and compute. A device that finds this after a restart drops out of the attempt.
        case started = 1
        /// The sealed bytes are on disk and their hash is in the journal. Nothing has left the device.
        case sealed = 2
        /// The own ledger is charged. From here on bytes may leave, and the charge is never taken back.
        case charged = 3
        /// The server's receipt is checked and stored.
        case delivered = 4
        /// Given up; the attempt is never begun again.
        case dropped = 5

        package static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
    }

    /// What the caller does next. Each case names the durable record to write first, if any.
    package enum Action: Hashable, Sendable {
        /// Record ``Stage/started``, then draw, clip, add noise and seal.
        case compute
        /// Charge the own ledger, then record ``Stage/charged``.
        case charge
        /// Send the sealed bytes as they are on disk; record ``Stage/delivered`` with the receipt.
        case upload
        /// Record ``Stage/dropped`` and wait for another attempt.
        case dropOut
        /// Nothing is left to do in this attempt.
        case wait
        /// The assignment is older than what this device has already done for the task: refuse it.
        case refuseStale
    }

    package let identifier: RoundIdentifier
    package private(set) var stage: Stage

    /// An attempt as the journal recorded it.
    package init(identifier: RoundIdentifier, stage: Stage) {
        self.identifier = identifier
        self.stage = stage
    }

    /// The stage that is on disk now.
    package mutating func recorded(_ stage: Stage) {
        precondition(stage > self.stage, "a round only goes forward")
        self.stage = stage
    }

    /// What to do with an assignment, given the last attempt of the same task that the journal knows.
    package static func action(for assignment: RoundIdentifier, journal: ClientRound?) -> Action {
        guard let journal, journal.identifier.task == assignment.task else { return .compute }
        if journal.identifier == assignment { return journal.actionAfterRestart }
        return journal.identifier < assignment ? .compute : .refuseStale
    }

    /// What may still be done when the process finds this record.
    package var actionAfterRestart: Action {
        switch stage {
        case .started: .dropOut
        case .sealed: .charge
        case .charged: .upload
        case .delivered, .dropped: .wait
        }
    }
}
