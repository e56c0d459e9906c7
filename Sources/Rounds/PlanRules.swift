// SPDX-License-Identifier: Apache-2.0

/// A plan that contradicts itself or goes beyond what is supported; one line: what, where, what would be right.
package struct PlanError: Error, Hashable, CustomStringConvertible {
    /// The field, in the words of a task file, for example `privacy.sampling-rate`.
    package let field: String
    package let reason: String

    package init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }

    package var description: String { "\(field): \(reason)" }
}

/// The rules that every plan obeys, checked by the server when it plans and by each client before it takes part.
package enum PlanRules {
    static func check(_ plan: TaskPlan) throws(PlanError) {
        try checkName(plan.task, field: "task.name")
        try checkName(plan.population, field: "task.population")
        try check(plan.model)
        try check(plan.rounds)
        try check(plan.privacy, rounds: plan.rounds)
        try check(plan.evaluation, rounds: plan.rounds)
        try check(plan.optimizer)
        try require(
            (2...62).contains(plan.ringBits),
            "update.ring-bits",
            "is \(plan.ringBits), but must be from 2 to 62"
        )
    }

    private static func check(_ model: ModelTerms) throws(PlanError) {
        try require(!model.preset.isEmpty, "model.preset", "is empty; name a preset such as logistic")
        try check(inputShape: model.inputShape, classes: model.classes)
        try require(
            (1...1 << 28).contains(model.parameters),
            "model",
            "has \(model.parameters) parameters, but 1 to 2^28 are supported"
        )
        try check(model.numbers)
    }

    private static func check(_ numbers: NumberTerms) throws(PlanError) {
        func check(_ value: String, of known: [String], field: String) throws(PlanError) {
            let isShort = value.utf8.count <= 64
            try require(
                known.contains(value),
                field,
                "is \(isShort ? "'\(value)'" : "too long"), but must be \(known.joined(separator: ", "))"
            )
        }
        try check(numbers.precision, of: NumberTerms.precisions, field: "model.precision")
        try check(numbers.storage, of: NumberTerms.storages, field: "model.storage")
        try require(
            (0...24).contains(numbers.lossScaleExponent),
            "model.loss-scale",
            "is 2^\(numbers.lossScaleExponent), but must be a power of two from 1 to 2^24"
        )
    }

    /// What a network may be built for.
    package static func check(inputShape shape: [Int], classes: Int) throws(PlanError) {
        try require(
            !shape.isEmpty && shape.count <= 8 && shape.allSatisfy { (1...65_536).contains($0) },
            "data.shape",
            "is \(shape), but must have 1 to 8 dimensions from 1 to 65,536"
        )
        try require((2...65_536).contains(classes), "data.classes", "is \(classes), but must be 2 to 65,536")
        let values = shape.reduce(1) { $0 > 1 << 24 ? $0 : $0 * $1 }
        try require(values <= 1 << 24, "data.shape", "is \(shape), but an example has at most 2^24 values")
    }

    package static func check(_ rounds: RoundTerms) throws(PlanError) {
        try require(
            (1...10_000_000).contains(rounds.rounds),
            "task.rounds",
            "is \(rounds.rounds), but must be from 1 to 10,000,000"
        )
        try require(
            (1...100_000).contains(rounds.cohort),
            "round.cohort",
            "is \(rounds.cohort), but must be from 1 to 100,000"
        )
        try require(
            (1...rounds.cohort).contains(rounds.fewestSurvivors),
            "round.fewest-survivors",
            "is \(rounds.fewestSurvivors), but must be from 1 to the cohort of \(rounds.cohort)"
        )
        try require(
            (1...86_400).contains(rounds.deadlineSeconds),
            "round.deadline-seconds",
            "is \(rounds.deadlineSeconds), but must be from 1 to 86,400"
        )
        try require(
            (rounds.cohort...min(100_000, 10 * rounds.cohort)).contains(rounds.mostMembers),
            "round.over-selection",
            "gives \(rounds.mostMembers) members, but must give from the cohort of \(rounds.cohort) to ten times as many"
        )
        try require(
            (1...86_400).contains(rounds.selectionSeconds),
            "round.selection-seconds",
            "is \(rounds.selectionSeconds), but must be from 1 to 86,400"
        )
        try require(
            (1...86_400).contains(rounds.configurationSeconds),
            "round.configuration-seconds",
            "is \(rounds.configurationSeconds), but must be from 1 to 86,400"
        )
        try require(
            rounds.uploadAfterMilliseconds >= 0
                && rounds.uploadAfterMilliseconds < 1000 * rounds.deadlineSeconds,
            "round.upload-after-milliseconds",
            "is \(rounds.uploadAfterMilliseconds), but must be at least 0 and shorter than the deadline of"
                + " \(rounds.deadlineSeconds) s"
        )
        try require(
            rounds.mostParticipations == .max || (1...10_000_000).contains(rounds.mostParticipations),
            "round.most-participations",
            "is \(rounds.mostParticipations), but must be from 1 to 10,000,000"
        )
        if let every = rounds.evaluationEvery {
            try require(
                every >= 1 && every < rounds.rounds,
                "evaluation.every",
                "is \(every), but must be from 1 to the number of training rounds"
            )
        }
        let training = rounds.counts.training
        try require(
            (1...training).contains(rounds.leastSeparation),
            "round.least-separation",
            "is \(rounds.leastSeparation), but must be from 1 to the \(training) rounds"
        )
    }

    private static func check(_ evaluation: EvaluationTerms?, rounds: RoundTerms) throws(PlanError) {
        try require(
            (evaluation == nil) == (rounds.evaluationEvery == nil),
            "evaluation",
            "must say both how often and with which noise, or not be there"
        )
        guard let evaluation else { return }
        try require(
            evaluation.samplingRate >= 0x1p-32 && evaluation.samplingRate <= 1,
            "evaluation.sampling-rate",
            "is \(evaluation.samplingRate), but must be from 2^-32 to 1"
        )
        try require(
            EvaluationTerms.lossBoundRange.contains(evaluation.lossBound),
            "evaluation.loss-bound",
            "is \(evaluation.lossBound), but must be from 2^-20 to 2^20"
        )
        // From 3 on an example adds something.
        try require(
            (3...1 << 30).contains(evaluation.bound),
            "evaluation.bound",
            "is \(evaluation.bound), but must be from 3 to 2^30 steps"
        )
        try require(
            (1...1 << 34).contains(evaluation.noiseMultiple),
            "evaluation.noise-multiple",
            "is \(evaluation.noiseMultiple), but must be from 1 to 2^34"
        )
    }

    private static func check(_ privacy: PrivacyTerms, rounds: RoundTerms) throws(PlanError) {
        let rate = privacy.samplingRate
        try require(
            rate >= 0x1p-32 && rate <= 1,
            "privacy.sampling-rate",
            "is \(rate), but must be from 2^-32 to 1"
        )
        try require(
            privacy.targetEpsilon > 0 && privacy.targetEpsilon.isFinite,
            "privacy.epsilon",
            "is \(privacy.targetEpsilon), but must be a finite number above 0"
        )
        try require(
            privacy.delta > 0 && privacy.delta < 1,
            "privacy.delta",
            "is \(privacy.delta), but must be between 0 and 1"
        )
        try require(
            privacy.clipNorm > 0 && privacy.clipNorm.isFinite,
            "privacy.clip",
            "is \(privacy.clipNorm), but must be a finite number above 0"
        )
        try require(
            (-64...128).contains(privacy.gridExponent),
            "privacy.grid-exponent",
            "is \(privacy.gridExponent), but must be from -64 to 128"
        )
        try require(
            (1...1 << 30).contains(privacy.bound),
            "privacy.bound",
            "is \(privacy.bound), but must be from 1 to 2^30 grid steps"
        )
        let step = Double(sign: .plus, exponent: -privacy.gridExponent, significand: 1)
        try require(
            Double(privacy.bound) * step <= privacy.clipNorm,
            "privacy.bound",
            "of \(privacy.bound) grid steps exceeds the clip norm \(privacy.clipNorm)"
        )
        try require(
            (1...1 << 34).contains(privacy.noiseMultiple),
            "privacy.noise-multiple",
            "is \(privacy.noiseMultiple), but must be from 1 to 2^34"
        )
        try require(
            privacy.colluders >= 1 && privacy.colluders < rounds.fewestSurvivors,
            "privacy.colluders",
            "is \(privacy.colluders), but must be from 1 to one less than the \(rounds.fewestSurvivors) fewest survivors"
                + " (at least one honest noise share must remain)"
        )
    }

    private static func check(_ optimizer: OptimizerTerms) throws(PlanError) {
        try require(optimizer.kind == "sgd", "optimizer.kind", "is '\(optimizer.kind)', but must be sgd")
        try require(
            optimizer.learningRate > 0 && optimizer.learningRate.isFinite,
            "optimizer.learning-rate",
            "is \(optimizer.learningRate), but must be a finite number above 0"
        )
        try require(
            (0..<1).contains(optimizer.momentum),
            "optimizer.momentum",
            "is \(optimizer.momentum), but must be at least 0 and below 1"
        )
        try require(
            optimizer.normaliser > 0 && optimizer.normaliser.isFinite,
            "data.examples",
            "times the sampling rate is \(optimizer.normaliser), but must be a finite number above 0"
        )
    }

    private static func checkName(_ name: String, field: String) throws(PlanError) {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        try require(
            allowed && (1...64).contains(name.utf8.count) && !name.hasPrefix("."),
            field,
            "must have 1 to 64 of the characters a-z A-Z 0-9 . _ - and not begin with a dot"
        )
    }

    private static func require(_ holds: Bool, _ field: String, _ reason: String) throws(PlanError) {
        if !holds { throw PlanError(field: field, reason: reason) }
    }
}
