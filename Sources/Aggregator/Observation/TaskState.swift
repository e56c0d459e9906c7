// SPDX-License-Identifier: Apache-2.0

internal import Rounds
package import Store

/// A task at one moment, for the page: its report, where its present round stands, and what its population has spent.
package struct TaskState: Sendable, Codable, Equatable {
    package var report: TaskReport
    /// What the clients of a round are asked for.
    package var terms: RoundTermsReport
    /// Where the attempts' accuracy and loss come from; `nil` where the task names no public data. What evaluation rounds paid
    /// for is in the report.
    package var evaluation: EvaluationReport?
    /// The open round, or the wait for one; `nil` for a task that is not running and has none.
    package var stage: StageReport?
    package var budget: PopulationReport

    package init(
        report: TaskReport,
        terms: RoundTermsReport,
        evaluation: EvaluationReport?,
        stage: StageReport?,
        budget: PopulationReport
    ) {
        self.report = report
        self.terms = terms
        self.evaluation = evaluation
        self.stage = stage
        self.budget = budget
    }
}

/// The terms of a round that a watcher needs.
package struct RoundTermsReport: Sendable, Codable, Equatable {
    package var cohort: Int
    package var fewestSurvivors: Int
    package var mostMembers: Int
    package var selectionSeconds: Int
    package var configurationSeconds: Int
    package var deadlineSeconds: Int
}

/// Data that the task's owner declared public: figures of quality on them cost no privacy.
package struct EvaluationReport: Sendable, Codable, Equatable {
    /// Name of the data.
    package var data: String
}

/// A stage of an attempt.
package enum RoundStage: String, Sendable, Codable, CaseIterable {
    /// Clients are being found.
    case selection
    /// They fetch their assignments.
    case configuration
    /// They deliver their updates.
    case reporting
    /// Nothing more is let in, and the sum is used.
    case closing
    case committed
    case abandoned

    init(_ stage: ServerRound.Stage) {
        self =
            switch stage {
            case .configuration: .configuration
            case .reporting: .reporting
            case .closing: .closing
            }
    }
}

/// How far the present stage of a task is.
package struct StageReport: Sendable, Codable, Equatable {
    package var stage: RoundStage
    package var round: Int
    /// 0 while no attempt is open.
    package var attempt: Int
    /// Without so many the stage cannot end well.
    package var minimum: Int
    /// With so many it ends at once.
    package var target: Int
    package var present: Int
    /// Milliseconds since 1970; `nil` while nothing presses.
    package var deadline: UInt64?

    /// The stage of an open attempt.
    init(_ round: ServerRound) {
        stage = RoundStage(round.stage)
        self.round = round.identifier.round
        attempt = round.identifier.attempt
        minimum = round.terms.fewestSurvivors
        switch round.stage {
        case .configuration: (target, present, deadline) = (round.expected, round.members, round.configuresUntil)
        case .reporting:
            (target, present, deadline) = (min(round.terms.cohort, round.members), round.accepted, round.closesAt)
        case .closing: (target, present, deadline) = (min(round.terms.cohort, round.members), round.accepted, nil)
        }
    }

    /// A running task without an open attempt looks for clients; `nil` for another one.
    init?(selecting task: TaskRecord, waiting: Int, terms: RoundTerms) {
        guard task.status == .running, task.round < terms.rounds else { return nil }
        stage = .selection
        round = task.round + 1
        attempt = 0
        minimum = terms.fewestSurvivors
        target = terms.mostMembers
        present = waiting
    }
}

/// One attempt at a round, open or ended.
package struct AttemptReport: Sendable, Codable, Equatable {
    package var task: String
    package var round: Int
    package var attempt: Int
    package var stage: RoundStage
    package var members: Int
    /// Updates that are in the sum.
    package var survivors: Int
    package var accuracy: Double?
    package var loss: Double?
    /// From opening to end; `nil` while it is open.
    package var seconds: Double?
    /// Bodies of the accepted updates.
    package var bytesUp: Int
    /// The model, once for each member.
    package var bytesDown: Int
    /// Milliseconds since 1970.
    package var openedAt: UInt64
    package var closesAt: UInt64?

    init(_ record: AttemptRecord, terms: RoundTerms, modelBytes: Int) {
        task = record.identifier.task
        round = record.identifier.round
        attempt = record.identifier.attempt
        stage =
            switch record.state {
            case .committed: .committed
            case .abandoned: .abandoned
            case .open, .closing: RoundStage(ServerRound(record, terms: terms).stage)
            }
        members = record.members
        survivors = record.accepted
        accuracy = record.result?.accuracy
        loss = record.result?.loss
        bytesUp = record.bytesUp
        bytesDown = record.members * modelBytes
        openedAt = record.openedAt
        closesAt = record.closesAt
        seconds = record.result?.seconds
    }
}

/// What the tasks of a population have spent together.
package struct PopulationReport: Sendable, Codable, Equatable {
    package struct Line: Sendable, Codable, Equatable {
        /// `outsider`, `client`, `N colluding clients` or `server`.
        package var adversary: String
        /// What this adversary sees.
        package var explanation: String
        /// Of all tasks of the population; `nil` where none can be stated.
        package var spent: Double?
        /// `nil` where no promise is made.
        package var limit: Double?
    }

    package var population: String
    /// In the order outsider, client, colluders, server.
    package var lines: [Line]
    package var delta: Double
    package var ledgerEntries: Int
    package var ledgerHead: String
}

/// Something that happened.
package struct MessageReport: Sendable, Codable, Equatable {
    package var number: Int64
    /// Milliseconds since 1970.
    package var time: UInt64
    package var kind: String
    package var task: String?
    package var round: Int?
    package var attempt: Int?
    package var text: String

    package init(_ event: StoreEvent) {
        number = event.number
        time = event.time
        kind = event.kind.rawValue
        task = event.task
        round = event.round
        attempt = event.attempt
        text = Self.text(event)
    }

    private static func text(_ event: StoreEvent) -> String {
        let task = event.task ?? ""
        let attempt = event.attempt ?? 1
        let round = "round \(event.round ?? 0)" + (attempt > 1 ? ", attempt \(attempt)" : "")
        let reason = event.detail.isEmpty ? "" : ": \(event.detail)"
        return switch event.kind {
        case .roundOpened: "\(task): \(round) opened"
        case .roundCommitted: "\(task): \(round) committed"
        case .roundAbandoned: "\(task): \(round) abandoned; what was sent counts as spent"
        case .taskCreated: "\(task): created"
        case .taskRunning: "\(task): running\(reason)"
        case .taskPaused: "\(task): paused\(reason)"
        case .taskStopped: "\(task): stopped\(reason)"
        case .taskFinished: "\(task): finished"
        case .taskExhausted: "\(task): budget exhausted\(reason)"
        case .taskRolledBack: "\(task): goes on from the model of round \(event.round ?? 0); what was spent stays spent"
        case .clientRevoked: "a client was revoked; \(event.detail) are enrolled"
        case .clientEnrolled: event.detail == "1" ? "1 client is enrolled" : "\(event.detail) clients are enrolled"
        }
    }
}
