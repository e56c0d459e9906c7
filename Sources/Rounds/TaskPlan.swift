// SPDX-License-Identifier: Apache-2.0

/// Everything about a task that decides its privacy, its model or its protocol: a pure value.
///
/// The server plans it once, when the task is created; its wire form is hashed, and both sides check that hash in every
/// round. Nothing here can change under a running task. A client does not trust the numbers: ``init(task:population:model:privacy:rounds:optimizer:ringBits:evaluation:)``
/// refuses a plan that contradicts itself, and ``event(against:)`` derives the privacy events from the integers that the
/// client itself will enforce (bound, noise multiple), never from an ε that the server claims.
package struct TaskPlan: Hashable, Sendable {
    /// Name of the task, unique on its server: 1...64 characters of `a-z A-Z 0-9 . _ -`.
    package let task: String
    /// The people whose data the task uses. All tasks of one population add up in one ledger.
    package let population: String
    package let model: ModelTerms
    package let privacy: PrivacyTerms
    package let rounds: RoundTerms
    package let optimizer: OptimizerTerms
    /// Width of the ring in which updates are added: values are taken modulo 2^ringBits.
    package let ringBits: Int
    /// What decides the privacy of evaluation rounds; there are some where ``RoundTerms/evaluationEvery`` says so.
    package let evaluation: EvaluationTerms?

    package init(
        task: String,
        population: String,
        model: ModelTerms,
        privacy: PrivacyTerms,
        rounds: RoundTerms,
        optimizer: OptimizerTerms,
        ringBits: Int,
        evaluation: EvaluationTerms? = nil
    ) throws(PlanError) {
        self.task = task
        self.population = population
        self.model = model
        self.privacy = privacy
        self.rounds = rounds
        self.optimizer = optimizer
        self.ringBits = ringBits
        self.evaluation = evaluation
        try PlanRules.check(self)
    }
}

/// The model of a task.
package struct ModelTerms: Hashable, Sendable {
    /// Name of a preset, for example `logistic`.
    package let preset: String
    /// Shape of one example: channels, height, width.
    package let inputShape: [Int]
    package let classes: Int
    /// Length of the flat parameter vector.
    package let parameters: Int
    /// Seed of the public initialisation.
    package let initialisationSeed: UInt64
    /// What the devices and the server compute with.
    package let numbers: NumberTerms

    package init(
        preset: String,
        inputShape: [Int],
        classes: Int,
        parameters: Int,
        initialisationSeed: UInt64,
        numbers: NumberTerms = .single
    ) {
        self.numbers = numbers
        self.preset = preset
        self.inputShape = inputShape
        self.classes = classes
        self.parameters = parameters
        self.initialisationSeed = initialisationSeed
    }
}

/// What decides the privacy of a task with unit `example` and shared noise.
package struct PrivacyTerms: Hashable, Sendable {
    /// Probability with which every example of every cohort member takes part in a round, 0 < q ≤ 1.
    package let samplingRate: Double
    /// The ε that the noise was planned for, against `colluders` colluding clients after all rounds.
    package let targetEpsilon: Double
    package let delta: Double
    /// L2 norm to which an example's gradient is clipped, in real units.
    package let clipNorm: Double
    /// Name of the clipping method, for example `per-example`.
    package let clippingMethod: String
    /// The certified grid's step is 2^-gridExponent.
    package let gridExponent: Int
    /// L2 bound of one example's integer vector, in grid steps; bound · 2^-gridExponent ≤ clipNorm.
    package let bound: Int64
    /// Each noise share has the standard deviation 64 · noiseMultiple grid steps.
    package let noiseMultiple: UInt64
    /// The number of clients that may pool what they know without the claim breaking.
    package let colluders: Int

    package init(
        samplingRate: Double,
        targetEpsilon: Double,
        delta: Double,
        clipNorm: Double,
        clippingMethod: String,
        gridExponent: Int,
        bound: Int64,
        noiseMultiple: UInt64,
        colluders: Int
    ) {
        self.samplingRate = samplingRate
        self.targetEpsilon = targetEpsilon
        self.delta = delta
        self.clipNorm = clipNorm
        self.clippingMethod = clippingMethod
        self.gridExponent = gridExponent
        self.bound = bound
        self.noiseMultiple = noiseMultiple
        self.colluders = colluders
    }
}

/// How rounds of a task go: three stages, each with what ends it early, what must be there at its end, and how long it may
/// take.
package struct RoundTerms: Hashable, Sendable {
    /// Rounds until the task is finished, those for evaluation included.
    package var rounds: Int
    /// The updates with which a round is released at once.
    package let cohort: Int
    /// The fewest updates with which a round may be released; the noise is planned for them.
    package let fewestSurvivors: Int
    /// Reporting: seconds from the last member's assignment until the round closes without the missing updates.
    package let deadlineSeconds: Int
    /// The clients that are given work in one round, at least the cohort: some of them will not come back. The ring in
    /// which updates are added has room for all of them.
    package var mostMembers: Int
    /// Selection: seconds that a round waits for as many clients as it may have, before it goes on with fewer.
    package var selectionSeconds: Int
    /// Configuration: seconds in which those that were waiting may fetch their assignments.
    package var configurationSeconds: Int
    /// An update leaves its client this many milliseconds after the assignment arrived, or a whole multiple of that where
    /// the device is slower, so that its time does not tell how long the computation took. 0: as soon as it is ready.
    package var uploadAfterMilliseconds = 0
    /// Training rounds of the task that one client may take part in. Evaluation rounds are no participations: they use other
    /// examples, and their cost is planned for a client that takes part in all of them.
    package var mostParticipations = Int.max
    /// Training rounds from one participation of a client to its next, at least 1.
    package var leastSeparation = 1
    /// After so many training rounds there is one for evaluation; `nil` where there is none. Both are numbered in one sequence:
    /// rounds `evaluationEvery + 1`, `2 * (evaluationEvery + 1)`, ... are for evaluation.
    package var evaluationEvery: Int?

    /// Terms without over-selection, with the same time for every stage.
    package init(rounds: Int, cohort: Int, fewestSurvivors: Int, deadlineSeconds: Int) {
        self.rounds = rounds
        self.cohort = cohort
        self.fewestSurvivors = fewestSurvivors
        self.deadlineSeconds = deadlineSeconds
        mostMembers = cohort
        selectionSeconds = deadlineSeconds
        configurationSeconds = deadlineSeconds
    }
}

/// How the server uses a round's sum.
package struct OptimizerTerms: Hashable, Sendable {
    /// `sgd`.
    package let kind: String
    package let learningRate: Double
    package let momentum: Double
    /// Public constant that divides the sum: sampling rate times the declared number of examples, never a count of a
    /// client.
    package let normaliser: Double

    package init(kind: String, learningRate: Double, momentum: Double, normaliser: Double) {
        self.kind = kind
        self.learningRate = learningRate
        self.momentum = momentum
        self.normaliser = normaliser
    }
}
