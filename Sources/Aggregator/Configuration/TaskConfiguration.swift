// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Rounds
internal import TOML

/// What an engineer decides for one task, from a TOML file.
///
/// ```toml
/// [task]
/// name = "digits"
/// population = "people"
/// rounds = 60
///
/// [model]
/// preset = "logistic"
/// precision = "fp32"            # what operands of products are rounded to: fp32, tf32, bf16, fp16; may be left out
/// storage = "fp32"              # what activations and gradients rest in: fp32, bf16, fp16; may be left out
/// loss-scale = 1                # a power of two; may be left out: 1, or 256 with fp16
///
/// [data]
/// shape = [1, 8, 8]
/// classes = 10
/// examples = 1438               # declared public: all clients' examples together
/// evaluation = "digits"         # declared public test data; may be left out
///
/// [privacy]
/// unit = "example"
/// epsilon = 8.0                 # after all rounds, against the colluders
/// delta = 1e-5
/// clip = 0.5
/// sampling-rate = 0.3
/// colluders = 1                 # may be left out: 5 % of the cohort, at least 1
///
/// [round]
/// cohort = 8                    # updates with which a round is released at once
/// fewest-survivors = 7          # updates without which it is not released
/// over-selection = 1.3          # members for each of the cohort; may be left out
/// deadline-seconds = 30         # for the reports; may be left out: 60
/// selection-seconds = 30        # to find members; may be left out: as the deadline
/// configuration-seconds = 30    # for members to fetch their assignments; may be left out: as the deadline
/// upload-after-milliseconds = 500 # from assignment to upload; may be left out: 1000
/// most-participations = 20      # rounds that one client may take part in; may be left out: all
/// least-separation = 5          # rounds from one participation of a client to its next; may be left out: 1
///
/// [optimizer]
/// kind = "sgd"
/// learning-rate = 1.0
/// momentum = 0.9
///
/// [evaluation]                  # may be left out: then no round is for evaluation
/// every = 10                    # training rounds before each evaluation round
/// noise-multiplier = 5.0        # noise of the released sums over the bound of one example
/// sampling-rate = 1.0           # of held-out examples; may be left out: 1
/// loss-bound = 4.6              # larger losses count as this; may be left out: twice the loss of a guess, 2 ln(classes)
/// ```
package struct TaskConfiguration: Sendable {
    package var name: String
    package var population: String
    package var preset: String
    package var seed: UInt64
    package var numbers: NumberTerms
    package var shape: [Int]
    package var classes: Int
    /// The declared number of examples of the whole population: public, it scales the mean gradient.
    package var examples: Int
    package var evaluation: String
    package var epsilon: Double
    package var delta: Double
    package var clip: Double
    package var clipping: String
    package var samplingRate: Double
    package var colluders: Int
    package var stages: RoundTerms
    package var optimizer: String
    package var learningRate: Double
    package var momentum: Double
    /// Evaluation on what clients hold out; `nil` for none.
    package var heldOut: HeldOut?

    /// How clients' held-out examples are used.
    package struct HeldOut: Hashable, Sendable {
        /// Training rounds before each evaluation round.
        package var every: Int
        /// The standard deviation of the noise that the guarantee relies on, over the L2 bound of one example.
        package var noiseMultiplier: Double
        package var samplingRate: Double
        /// In nats.
        package var lossBound: Double

        package init(every: Int, noiseMultiplier: Double, samplingRate: Double = 1, lossBound: Double) {
            self.every = every
            self.noiseMultiplier = noiseMultiplier
            self.samplingRate = samplingRate
            self.lossBound = lossBound
        }
    }

    /// A task of one round and one client that spends nothing yet: what a caller changes before it plans.
    ///
    /// - Parameters:
    ///   - shape: of one example.
    ///   - examples: of all clients together, declared public.
    package init(name: String, preset: String, shape: [Int], classes: Int, examples: Int) {
        self.name = name
        population = name
        self.preset = preset
        seed = 1
        numbers = .single
        self.shape = shape
        self.classes = classes
        self.examples = examples
        evaluation = ""
        (epsilon, delta, clip, clipping) = (1, 1e-6, 1, "per-example")
        samplingRate = 1
        colluders = 1
        stages = RoundTerms(rounds: 1, cohort: 1, fewestSurvivors: 1, deadlineSeconds: 60)
        optimizer = "sgd"
        (learningRate, momentum) = (1, 0)
    }

    /// Reads a task file.
    ///
    /// - Throws: ``AggregatorError/input(_:)`` naming the key that is missing, mistyped or unknown. Ranges are checked when
    ///   the task is planned.
    package init(path: String) throws(AggregatorError) {
        try self.init(TOMLFile(path: path))
    }

    /// The same from memory; errors call the file `task file`.
    package init(bytes: [UInt8]) throws(AggregatorError) {
        try self.init(TOMLFile(bytes: bytes, named: "task file"))
    }

    private init(_ file: TOMLFile) throws(AggregatorError) {
        var file = file
        let path = file.path

        var task = try file.section("task")
        name = try task.string("name")
        population = try task.string("population")
        let rounds = try task.integer("rounds")
        try task.finish()

        var model = try file.section("model")
        preset = try model.string("preset")
        let seed = try model.integer("seed", default: 1)
        guard seed >= 0 else { throw .input("\(path): [model] seed must be at least 0") }
        self.seed = UInt64(seed)
        let precision = try model.string("precision", default: "fp32")
        let storage = try model.string("storage", default: "fp32")
        let usual = precision == "fp16" || storage == "fp16" ? 256 : 1
        let lossScale = try model.integer("loss-scale", default: usual)
        guard (1...1 << 24).contains(lossScale), lossScale.nonzeroBitCount == 1 else {
            throw .input("\(path): [model] loss-scale is \(lossScale), but must be a power of two from 1 to 16777216")
        }
        numbers = NumberTerms(
            precision: precision,
            storage: storage,
            lossScaleExponent: lossScale.trailingZeroBitCount
        )
        try model.finish()

        var data = try file.section("data")
        shape = try data.integers("shape")
        classes = try data.integer("classes")
        examples = try data.integer("examples")
        evaluation = try data.string("evaluation", default: "")
        try data.finish()
        guard (1...1 << 32).contains(examples) else {
            throw .input("\(path): [data] examples is \(examples), but must be from 1 to 2^32")
        }

        var privacy = try file.section("privacy")
        let unit = try privacy.string("unit")
        guard unit == "example" else {
            throw .input("\(path): [privacy] unit is \(Wording.quoted(unit)), but only example is supported")
        }
        epsilon = try privacy.number("epsilon")
        delta = try privacy.number("delta")
        clip = try privacy.number("clip")
        clipping = try privacy.string("clipping", default: "per-example")
        samplingRate = try privacy.number("sampling-rate")
        let colluders = try privacy.integer("colluders", default: 0)
        try privacy.finish()

        var round = try file.section("round")
        stages = try Self.stages(&round, rounds: rounds, path: path)
        try round.finish()
        self.colluders = colluders == 0 ? max(1, stages.cohort / 20) : colluders

        var optimizer = try file.section("optimizer")
        self.optimizer = try optimizer.string("kind", default: "sgd")
        learningRate = try optimizer.number("learning-rate")
        momentum = try optimizer.number("momentum", default: 0)
        try optimizer.finish()
        heldOut = try Self.heldOut(&file, classes: classes)
        try file.finish()
    }

    private static func heldOut(_ file: inout TOMLFile, classes: Int) throws(AggregatorError) -> HeldOut? {
        guard var section = try file.optionalSection("evaluation") else { return nil }
        let heldOut = HeldOut(
            every: try section.integer("every"),
            noiseMultiplier: try section.number("noise-multiplier"),
            samplingRate: try section.number("sampling-rate", default: 1),
            lossBound: try section.number("loss-bound", default: 2 * log(Double(max(classes, 2))))
        )
        try section.finish()
        return heldOut
    }

    private static func stages(
        _ round: inout TOMLSection,
        rounds: Int,
        path: String
    ) throws(AggregatorError) -> RoundTerms {
        let cohort = try round.integer("cohort")
        var stages = RoundTerms(
            rounds: rounds,
            cohort: cohort,
            fewestSurvivors: try round.integer("fewest-survivors"),
            deadlineSeconds: try round.integer("deadline-seconds", default: 60)
        )
        let overSelection = try round.number("over-selection", default: 1.3)
        guard (1...10).contains(overSelection) else {
            throw .input("\(path): [round] over-selection is \(overSelection), but must be from 1 to 10")
        }
        // A cohort beyond every limit is refused when the task is planned.
        stages.mostMembers = max(cohort, Int((Double(min(cohort, 1 << 30)) * overSelection).rounded(.up)))
        stages.selectionSeconds = try round.integer("selection-seconds", default: stages.deadlineSeconds)
        stages.configurationSeconds = try round.integer("configuration-seconds", default: stages.deadlineSeconds)
        stages.uploadAfterMilliseconds = try round.integer("upload-after-milliseconds", default: 1000)
        stages.mostParticipations = try round.integer("most-participations", default: .max)
        stages.leastSeparation = try round.integer("least-separation", default: 1)
        return stages
    }
}
