// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit
import Noise

/// The noise, the sampling and the steps of a release, as options.
struct MechanismOptions: ParsableArguments {
    enum Mechanism: String, ExpressibleByArgument, CaseIterable, Encodable {
        case gaussian
        case discreteGaussian = "discrete-gaussian"
        case distributedDiscreteGaussian = "distributed-discrete-gaussian"
        case skellam
    }

    @Option(help: "The mechanism: \(Mechanism.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mechanism: Mechanism?

    @Option(help: "Standard deviation of the noise over the sensitivity.")
    var noiseMultiplier: Double?

    @Option(help: "The probability with which an example joins a step; 1 for no sampling.")
    var samplingRate = 1.0

    @Option(help: "The number of steps.")
    var steps: Int?

    @Option(help: "Shares of noise that are added up.")
    var clients: Int?

    @Option(help: "The parameter of one noise source, in grid units.")
    var sigmaGrid: Double?

    @Option(help: "The L2 sensitivity, in grid units.")
    var sensitivity: Double?

    @Option(help: "The L1 sensitivity, in grid units (skellam); by default what the L2 sensitivity of integers allows.")
    var l1Sensitivity: Double?

    @Option(help: "Coordinates of a released vector.")
    var dimension: Int?

    @Option(
        help: "The probability with which an example's client joins a step; its examples join then by --sampling-rate."
    )
    var clientSamplingRate: Double?

    @Option(help: "The number of examples, where batches are cut at --capacity.")
    var population: Int?

    @Option(help: "The most examples that a batch keeps, where more are dropped.")
    var capacity: Int?

    @Option(help: "The most of the --steps in which a unit takes part, where nobody samples.")
    var participations: Int?

    @Option(help: "The fewest steps from one participation of a unit to the next.")
    var minimumSeparation: Int?

    func validate() throws {
        guard mechanism != nil else { return }
        guard let steps else { throw ValidationError("--steps is missing: the number of steps") }
        guard steps >= 1 else { throw ValidationError("--steps is \(steps); expected at least 1") }
        guard (mechanism == .distributedDiscreteGaussian) == (clients != nil) || mechanism == .skellam else {
            throw ValidationError("--clients belongs to skellam and to distributed-discrete-gaussian, which needs it")
        }
        if mechanism == .gaussian {
            guard noiseMultiplier != nil, sigmaGrid == nil, sensitivity == nil else {
                throw ValidationError("gaussian takes --noise-multiplier, and neither --sigma-grid nor --sensitivity")
            }
        } else {
            guard (noiseMultiplier == nil) != (sensitivity == nil) else {
                throw ValidationError("give either --noise-multiplier, or --sensitivity with --sigma-grid")
            }
            guard sigmaGrid != nil || (sensitivity == nil && clients == nil && mechanism != .skellam) else {
                throw ValidationError("--sigma-grid is missing: the parameter of one noise source in grid units")
            }
        }
        guard l1Sensitivity == nil || mechanism == .skellam else {
            throw ValidationError("--l1-sensitivity belongs to skellam")
        }
        guard dimension == nil || sigmaGrid != nil else {
            throw ValidationError("--dimension needs --sigma-grid: the sampler's distance depends on it")
        }
        guard (population == nil) == (capacity == nil) else {
            throw ValidationError("--population and --capacity go together")
        }
        guard minimumSeparation == nil || participations != nil else {
            throw ValidationError("--minimum-separation needs --participations")
        }
        let kinds = [clientSamplingRate != nil, capacity != nil, participations != nil].filter { $0 }.count
        guard kinds <= 1, participations == nil || samplingRate == 1 else {
            throw ValidationError(
                "give only one of --client-sampling-rate, --capacity and --participations; the last without sampling"
            )
        }
    }

    /// All steps.
    func event() throws -> PrivacyEvent { try firstSteps()(steps ?? 1) }

    /// The event of the first so many steps.
    func firstSteps() throws -> @Sendable (Int) -> PrivacyEvent {
        let step = try stepEvent()
        if let participations {
            let separation = minimumSeparation ?? 1
            return { count in
                .boundedParticipation(
                    rounds: count,
                    participations: participations,
                    minimumSeparation: separation,
                    event: step
                )
            }
        }
        let sampled = sampled(step)
        return { sampled.selfComposed($0) }
    }

    /// One step with its sampling.
    private func sampled(_ step: PrivacyEvent) -> PrivacyEvent {
        if let clientSamplingRate {
            return .clientsThenExamples(clientRate: clientSamplingRate, exampleRate: samplingRate, event: step)
        }
        if let population, let capacity {
            return .truncatedPoisson(rate: samplingRate, population: population, capacity: capacity, event: step)
        }
        return samplingRate == 1 ? step : .poissonSampled(rate: samplingRate, event: step)
    }

    /// Standard deviation of all shares of noise over the sensitivity, for a scale; nil where none is given.
    var effectiveMultiplier: Double? {
        if let noiseMultiplier { return noiseMultiplier }
        guard let sigmaGrid, let sensitivity, sensitivity > 0 else { return nil }
        return Double(max(1, clients ?? 1)).squareRoot() * sigmaGrid / sensitivity
    }

    /// An option of these that was given, besides the mechanism.
    var firstGiven: String? {
        let given: [(String, Bool)] = [
            ("--noise-multiplier", noiseMultiplier != nil), ("--sampling-rate", samplingRate != 1),
            ("--steps", steps != nil), ("--clients", clients != nil), ("--sigma-grid", sigmaGrid != nil),
            ("--sensitivity", sensitivity != nil), ("--l1-sensitivity", l1Sensitivity != nil),
            ("--dimension", dimension != nil), ("--client-sampling-rate", clientSamplingRate != nil),
            ("--population", population != nil), ("--capacity", capacity != nil),
            ("--participations", participations != nil), ("--minimum-separation", minimumSeparation != nil),
        ]
        return given.first { $0.1 }?.0
    }

    /// The sampling in words.
    var sampling: String {
        if let participations {
            return "none, at most \(participations) participations at least \(minimumSeparation ?? 1) steps apart"
        }
        if let clientSamplingRate {
            return "clients by Poisson, rate \(clientSamplingRate), then examples by Poisson, rate \(samplingRate)"
        }
        if let population, let capacity {
            return "Poisson, rate \(samplingRate), of \(population), cut to \(capacity)"
        }
        return samplingRate == 1 ? "none" : "Poisson, rate \(samplingRate)"
    }

    /// One step before sampling.
    private func stepEvent() throws -> PrivacyEvent {
        let multiplier = noiseMultiplier ?? 0
        let shares = max(1, clients ?? 1)
        switch mechanism {
        case .gaussian, nil:
            return .gaussian(noiseMultiplier: multiplier)
        case .discreteGaussian:
            guard let sigmaGrid else { return .discreteGaussian(sigma: multiplier, sensitivity: 1) }
            return .discreteGaussian(sigma: sigmaGrid, sensitivity: sensitivity ?? sigmaGrid / multiplier)
        case .distributedDiscreteGaussian:
            let (clients, sigma) = (self.clients ?? 1, sigmaGrid ?? 0)
            let total = Double(shares).squareRoot() * sigma
            return .sumOfDiscreteGaussians(
                shares: clients,
                sigma: sigma,
                sensitivity: sensitivity ?? total / multiplier
            )
        case .skellam:
            if let clients, clients < 1 {
                throw CommandError("--clients: \(clients) is not possible; expected 1 or more")
            }
            let variance = Double(shares) * (sigmaGrid ?? 0) * (sigmaGrid ?? 0)
            let l2 = sensitivity ?? variance.squareRoot() / multiplier
            // Of integers the L1 norm is at most the square of the L2 norm, and at most sqrt(d) times it.
            let widest = dimension.map { Double($0).squareRoot() * l2 } ?? .infinity
            return .skellam(variance: variance, l1: l1Sensitivity ?? max(l2, min(l2 * l2, widest)), l2: l2)
        }
    }

    /// The distance of our sampler at the next multiple of 64 above the parameter; nil without --dimension.
    func samplerDistance() throws -> DeltaParts.SamplerDistance? {
        guard let dimension, let sigmaGrid, mechanism != .skellam else { return nil }
        let multiple = (sigmaGrid / Double(DiscreteGaussian.baseDeviation)).rounded(.up)
        guard multiple >= 1, multiple <= Double(DiscreteGaussian.largestMultiple) else {
            throw CommandError("--sigma-grid: \(sigmaGrid) is not possible; expected above 0, at most 2^40")
        }
        return try DeltaParts.SamplerDistance(
            perSampleLog2: DiscreteGaussian(multiple: UInt64(multiple)).samplerDistanceLog2,
            steps: steps ?? 1,
            dimension: dimension,
            shares: clients ?? 1
        )
    }
}
