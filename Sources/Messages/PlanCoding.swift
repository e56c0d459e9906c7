// SPDX-License-Identifier: Apache-2.0

package import Rounds

/// The wire form of a plan and back. A plan read from the wire has passed every rule of ``TaskPlan``.
extension Sotto_V1_Plan {
    /// The version of plans without evaluation rounds, and of those with some: a client of before those refuses the second.
    static let version: UInt32 = 1
    static let versionWithEvaluation: UInt32 = 2

    package init(_ plan: TaskPlan) {
        self.init()
        version = plan.evaluation == nil ? Self.version : Self.versionWithEvaluation
        task = plan.task
        population = plan.population
        model.preset = plan.model.preset
        model.inputShape = plan.model.inputShape.map(UInt32.init)
        model.classes = UInt32(plan.model.classes)
        model.parameters = UInt64(plan.model.parameters)
        model.initialisationSeed = plan.model.initialisationSeed
        model.precision = Self.text(plan.model.numbers.precision)
        model.storage = Self.text(plan.model.numbers.storage)
        model.lossScaleExponent = UInt32(plan.model.numbers.lossScaleExponent)
        privacy.unit = "example"
        privacy.adjacency = "add-or-remove-one"
        privacy.samplingRate = plan.privacy.samplingRate
        privacy.targetEpsilon = plan.privacy.targetEpsilon
        privacy.delta = plan.privacy.delta
        privacy.clipNorm = plan.privacy.clipNorm
        privacy.clippingMethod = plan.privacy.clippingMethod
        privacy.gridExponent = Int32(plan.privacy.gridExponent)
        privacy.bound = UInt64(plan.privacy.bound)
        privacy.noiseMultiple = plan.privacy.noiseMultiple
        privacy.colluders = UInt32(plan.privacy.colluders)
        rounds.rounds = UInt32(plan.rounds.rounds)
        rounds.cohort = UInt32(plan.rounds.cohort)
        rounds.fewestSurvivors = UInt32(plan.rounds.fewestSurvivors)
        rounds.deadlineSeconds = UInt32(plan.rounds.deadlineSeconds)
        setStages(plan.rounds)
        optimizer.kind = plan.optimizer.kind
        optimizer.learningRate = plan.optimizer.learningRate
        optimizer.momentum = plan.optimizer.momentum
        optimizer.normaliser = plan.optimizer.normaliser
        coding.ringBits = UInt32(plan.ringBits)
        if let terms = plan.evaluation, let every = plan.rounds.evaluationEvery {
            evaluation.every = UInt32(clamping: every)
            evaluation.samplingRate = terms.samplingRate
            evaluation.lossBound = terms.lossBound
            evaluation.bound = UInt64(terms.bound)
            evaluation.noiseMultiple = terms.noiseMultiple
        }
    }

    private func evaluationTerms() throws(WireError) -> EvaluationTerms? {
        guard hasEvaluation else { return nil }
        guard let bound = Int64(exactly: evaluation.bound) else { throw WireError("plan: a bound is beyond 2^63") }
        return EvaluationTerms(
            samplingRate: evaluation.samplingRate,
            lossBound: evaluation.lossBound,
            bound: bound,
            noiseMultiple: evaluation.noiseMultiple
        )
    }

    /// What is as it always was is written as nothing.
    private mutating func setStages(_ terms: RoundTerms) {
        func unless(_ usual: Int, _ value: Int) -> UInt32 { value == usual ? 0 : UInt32(clamping: value) }
        rounds.mostMembers = unless(terms.cohort, terms.mostMembers)
        rounds.selectionSeconds = unless(terms.deadlineSeconds, terms.selectionSeconds)
        rounds.configurationSeconds = unless(terms.deadlineSeconds, terms.configurationSeconds)
        rounds.uploadAfterMilliseconds = UInt32(clamping: terms.uploadAfterMilliseconds)
        rounds.mostParticipations = unless(.max, terms.mostParticipations)
        rounds.leastSeparation = unless(1, terms.leastSeparation)
    }

    private var roundTerms: RoundTerms {
        var terms = RoundTerms(
            rounds: Int(rounds.rounds),
            cohort: Int(rounds.cohort),
            fewestSurvivors: Int(rounds.fewestSurvivors),
            deadlineSeconds: Int(rounds.deadlineSeconds)
        )
        if rounds.mostMembers > 0 { terms.mostMembers = Int(rounds.mostMembers) }
        if rounds.selectionSeconds > 0 { terms.selectionSeconds = Int(rounds.selectionSeconds) }
        if rounds.configurationSeconds > 0 { terms.configurationSeconds = Int(rounds.configurationSeconds) }
        terms.uploadAfterMilliseconds = Int(rounds.uploadAfterMilliseconds)
        if rounds.mostParticipations > 0 { terms.mostParticipations = Int(rounds.mostParticipations) }
        if rounds.leastSeparation > 0 { terms.leastSeparation = Int(rounds.leastSeparation) }
        if hasEvaluation { terms.evaluationEvery = Int(evaluation.every) }
        return terms
    }

    /// Floats are written as nothing, so that a plan without these fields keeps its bytes and its hash.
    private static let unsaid = "fp32"

    private static func text(_ format: String) -> String { format == unsaid ? "" : format }
    private static func format(_ text: String) -> String { text.isEmpty ? unsaid : text }

    /// The plan that these fields describe.
    ///
    /// - Throws: ``WireError`` when the version, unit or adjacency is not supported, a number does not fit, or the plan
    ///   breaks one of its own rules.
    package func plan() throws(WireError) -> TaskPlan {
        guard version == Self.version || version == Self.versionWithEvaluation else {
            throw WireError(
                "plan: has version \(version); this build understands versions \(Self.version) and"
                    + " \(Self.versionWithEvaluation)"
            )
        }
        guard hasEvaluation == (version == Self.versionWithEvaluation) else {
            throw WireError(
                "plan: has version \(version) \(hasEvaluation ? "with" : "without") evaluation rounds; version"
                    + " \(Self.versionWithEvaluation) is for plans with them, \(Self.version) for plans without"
            )
        }
        guard privacy.unit == "example", privacy.adjacency == "add-or-remove-one" else {
            throw WireError(
                "plan: unit '\(privacy.unit)' with adjacency '\(privacy.adjacency)' is not supported;"
                    + " use example and add-or-remove-one"
            )
        }
        guard let bound = Int64(exactly: privacy.bound), let parameters = Int(exactly: model.parameters) else {
            throw WireError("plan: a bound or a number of parameters is beyond 2^63")
        }
        let evaluationTerms = try evaluationTerms()
        do {
            return try TaskPlan(
                task: task,
                population: population,
                model: ModelTerms(
                    preset: model.preset,
                    inputShape: model.inputShape.map(Int.init),
                    classes: Int(model.classes),
                    parameters: parameters,
                    initialisationSeed: model.initialisationSeed,
                    numbers: NumberTerms(
                        precision: Self.format(model.precision),
                        storage: Self.format(model.storage),
                        lossScaleExponent: Int(model.lossScaleExponent)
                    )
                ),
                privacy: PrivacyTerms(
                    samplingRate: privacy.samplingRate,
                    targetEpsilon: privacy.targetEpsilon,
                    delta: privacy.delta,
                    clipNorm: privacy.clipNorm,
                    clippingMethod: privacy.clippingMethod,
                    gridExponent: Int(privacy.gridExponent),
                    bound: bound,
                    noiseMultiple: privacy.noiseMultiple,
                    colluders: Int(privacy.colluders)
                ),
                rounds: roundTerms,
                optimizer: OptimizerTerms(
                    kind: optimizer.kind,
                    learningRate: optimizer.learningRate,
                    momentum: optimizer.momentum,
                    normaliser: optimizer.normaliser
                ),
                ringBits: Int(coding.ringBits),
                evaluation: evaluationTerms
            )
        } catch {
            throw WireError("plan: \(error)")
        }
    }
}
