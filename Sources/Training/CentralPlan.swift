// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Datasets
package import Networks
package import Noise

/// What a central training run is asked to do.
package struct CentralConfiguration: Sendable {
    /// How the noise is chosen.
    package enum NoiseTarget: Hashable, Sendable {
        /// At least this noise multiplier z: sigma over the sensitivity bound.
        case multiplier(Double)
        /// The least noise for which the run spends at most this epsilon.
        case epsilon(Double)
    }

    package var network: Network
    /// The clipping norm C.
    package var clip: Double
    package var noise: NoiseTarget
    package var method: ClippingMethod
    /// The expected number of examples in a logical step; the sampling rate is this over N.
    package var batch: Double
    /// Expected passes over the data; the steps are this over the sampling rate, rounded.
    package var epochs: Double
    package var learningRate: Double
    package var momentum: Double
    /// δ of the claim, all items included.
    package var delta: Double
    /// The most threads that compute.
    package var workers: Int
    /// Bytes for the run, beyond the process and its data; nil for no limit.
    package var memoryLimit: Int?
    /// The most examples in work at one time; nil for what suits the network.
    package var physicalBatch: Int?
    /// Which accountant's epsilon is claimed; nil for the least of those that cover the run.
    package var accountant: Accountant?
    /// Seeds the initial parameters and the masks of dropout, and nothing else; public.
    package var seed: UInt64
    /// The rule of the clip factor.
    package var rule: ClipRule
    /// What the network computes with.
    package var numerics: Numerics
    /// The most that errors of operands in fewer bits may add (``ClippingPlan/Options/inflationLimit``).
    package var inflationLimit = ClippingPlan.Options().inflationLimit

    package init(
        network: Network,
        clip: Double,
        noise: NoiseTarget,
        method: ClippingMethod = .auto,
        batch: Double,
        epochs: Double,
        learningRate: Double,
        momentum: Double = 0,
        delta: Double,
        workers: Int = 1,
        memoryLimit: Int? = nil,
        physicalBatch: Int? = nil,
        accountant: Accountant? = nil,
        seed: UInt64 = 0,
        rule: ClipRule = .abadi,
        numerics: Numerics = .single
    ) {
        self.network = network
        self.clip = clip
        self.noise = noise
        self.method = method
        self.batch = batch
        self.epochs = epochs
        self.learningRate = learningRate
        self.momentum = momentum
        self.delta = delta
        self.workers = workers
        self.memoryLimit = memoryLimit
        self.physicalBatch = physicalBatch
        self.accountant = accountant
        self.seed = seed
        self.rule = rule
        self.numerics = numerics
    }
}

/// Everything public about a central run, fixed before the first example is read: the sampling, the noise, what it will
/// spend, and its memory.
package struct CentralPlan: Sendable {
    package private(set) var configuration: CentralConfiguration
    /// N, declared public.
    package let examples: Int
    package let sampler: PoissonSampler
    package let steps: Int
    package let grid: CertifiedGrid
    package let certificate: SensitivityCertificate
    package let noise: NoisePlan
    package let mechanism: DiscreteGaussian
    /// The event of one step, sampling included.
    package let event: PrivacyEvent
    package let memory: MemoryPlan
    /// What the whole run spends: the number to report.
    package let claim: PrivacyClaim
    /// The same by Rényi divergences, with either conversion, for comparison with papers.
    package let renyiClaims: [Conversion: PrivacyClaim]

    /// What is planned for the accounting and the run, of which one is over before the other begins.
    package var plannedBytes: Int { max(memory.totalBytes, claim.accountingBytes) }

    /// The same plan from other initial parameters, on which nothing else of it depends.
    package func seeded(_ seed: UInt64) -> CentralPlan {
        var plan = self
        plan.configuration.seed = seed
        return plan
    }

    /// q·N, the constant by which sums are divided.
    package var normaliser: Double { sampler.rate * Double(examples) }
    /// The factor from grid units of a sum to the mean gradient.
    package var gradientScale: Double { grid.step / normaliser }

    /// - Parameters:
    ///   - examples: N, the size of the training set, which the caller declares public.
    package init(_ configuration: CentralConfiguration, examples: Int) throws(TrainingError) {
        guard examples >= 1 else {
            throw .invalidArgument(name: "training data", value: "\(examples) examples", expected: "at least one")
        }
        let rate = configuration.batch / Double(examples)
        guard rate > 0, rate <= 1 else {
            throw .invalidArgument(
                name: "batch",
                value: "\(configuration.batch)",
                expected: "above 0 and at most the \(examples) training examples"
            )
        }
        // From 1/N on, publishing one example drawn at random would be private.
        guard configuration.delta < 1 / Double(examples) else {
            throw .invalidArgument(
                name: "delta",
                value: "\(configuration.delta)",
                expected: "below 1/N = \(1 / Double(examples)) for \(examples) training examples"
            )
        }
        let expected = (configuration.epochs / rate).rounded()
        guard expected >= 1, expected <= 1e9 else {
            throw .invalidArgument(
                name: "epochs",
                value: "\(configuration.epochs)",
                expected: "at least \(rate), one step, and at most 1e9 steps"
            )
        }
        // Found here, before a run is charged for what it cannot begin.
        try MomentumSGD.check(learningRate: configuration.learningRate, momentum: configuration.momentum)
        self.configuration = configuration
        self.examples = examples
        steps = Int(expected)
        sampler = try TrainingError.mapping(TrainingError.dataset) { () throws(DatasetError) in
            try PoissonSampler(rate: rate)
        }

        let sampling = CentralSpend.Sampling(
            sampler: sampler,
            steps: steps,
            delta: configuration.delta,
            examples: examples,
            accountant: configuration.accountant
        )
        var sizes = try Sizes(configuration, sampling, noiseRoom: ClippingPlan.Options().noiseRoom)
        if sizes.neededNoiseRoom > sizes.noiseRoom {
            sizes = try Sizes(configuration, sampling, noiseRoom: sizes.neededNoiseRoom)
        }
        (grid, memory, certificate) = (sizes.grid, sizes.memory, sizes.certificate)
        let spend = sizes.spend
        noise = spend.noise
        mechanism = spend.mechanism
        event = spend.event
        claim = spend.claim
        renyiClaims = spend.renyiClaims
    }
}

/// What depends on how wide a sum's integers are, which in turn depends on the noise.
private struct Sizes {
    let grid: CertifiedGrid
    let memory: MemoryPlan
    let certificate: SensitivityCertificate
    let spend: CentralSpend
    /// Bounds of noise for which the sum has room.
    let noiseRoom: Int

    /// Under a limit the accounting, which is over before the run begins, may take so much more than the run.
    private static let accountingRoom = 6 << 20

    init(
        _ configuration: CentralConfiguration,
        _ sampling: CentralSpend.Sampling,
        noiseRoom: Int
    ) throws(TrainingError) {
        let dimension = configuration.network.parameterCount
        var options = ClippingPlan.Options()
        options.rule = configuration.rule
        options.numerics = configuration.numerics
        options.inflationLimit = configuration.inflationLimit
        options.noiseRoom = noiseRoom
        grid = try CertifiedGrid(
            clip: configuration.clip,
            dimension: dimension,
            examples: MemoryPlan.largestDraw(configuration.batch),
            options: options
        )
        var request = MemoryPlan.Request(
            network: configuration.network,
            method: configuration.method,
            grid: grid,
            optimizerBytes: MomentumSGD.plannedBytes(dimension: dimension, momentum: configuration.momentum),
            workers: configuration.workers,
            batch: configuration.batch
        )
        request.options = options
        request.physicalBatch = configuration.physicalBatch
        memory = try MemoryPlan(request, limit: configuration.memoryLimit)
        certificate = try memory.clipping.certified()
        spend = try CentralSpend(
            configuration.noise,
            sampling: sampling,
            certificate: certificate,
            bytes: configuration.memoryLimit == nil ? nil : memory.totalBytes + Self.accountingRoom
        )
        self.noiseRoom = noiseRoom
    }

    /// Sixteen standard deviations, with a hundredth more for a bound that another grid rounds differently.
    var neededNoiseRoom: Int { Int((16.16 * spend.noise.noiseMultiplier).rounded(.up)) + 1 }
}
