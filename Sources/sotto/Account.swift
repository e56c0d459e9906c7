// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit
import Noise

struct Account: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compute what repeated noisy steps spend.",
        discussion: """
            The adjacency is add-or-remove-one, the sampling is Poisson. A distributed discrete Gaussian is the sum of as \
            many shares as there are clients, each of parameter --sigma-grid, on integers of L2 sensitivity --sensitivity; \
            without --sensitivity it is the one at which the sum has the given --noise-multiplier. With --dimension, \
            delta pays for the sampler's distance from the ideal law.
            """
    )

    enum Mechanism: String, ExpressibleByArgument, CaseIterable, Encodable {
        case gaussian
        case discreteGaussian = "discrete-gaussian"
        case distributedDiscreteGaussian = "distributed-discrete-gaussian"
    }

    @Option(help: "The mechanism: \(Mechanism.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mechanism: Mechanism

    @Option(help: "Standard deviation of the noise over the sensitivity.")
    var noiseMultiplier: Double?

    @Option(help: "The probability with which an example joins a step; 1 for no sampling.")
    var samplingRate = 1.0

    @Option(help: "The number of steps.")
    var steps: Int

    @Option(help: "The delta.")
    var delta: Double

    @Option(help: "The accountant: rdp.")
    var accountant = Accountant.rdp

    @Option(help: "From a Rényi divergence to epsilon: improved, classic.")
    var conversion = ConversionChoice.improved

    @Option(help: "Shares of noise that are added up.")
    var clients: Int?

    @Option(help: "The parameter of one noise source, in grid units.")
    var sigmaGrid: Double?

    @Option(help: "The L2 sensitivity, in grid units.")
    var sensitivity: Double?

    @Option(help: "Coordinates of a released vector.")
    var dimension: Int?

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let epsilon: Double
        let delta: Double
        let deltaParts: DeltaParts
        let accountant: Accountant
        let conversion: Conversion
        let adjacency: Adjacency
        let sampling: String
        let holdsAgainst: String
        let order: Int
        let mechanism: Mechanism
        let steps: Int
    }

    func validate() throws {
        guard steps >= 1 else { throw ValidationError("--steps is \(steps); expected at least 1") }
        guard (mechanism == .distributedDiscreteGaussian) == (clients != nil) else {
            throw ValidationError("--clients belongs to distributed-discrete-gaussian, which needs it")
        }
        switch mechanism {
        case .gaussian:
            guard noiseMultiplier != nil, sigmaGrid == nil, sensitivity == nil else {
                throw ValidationError("gaussian takes --noise-multiplier, and neither --sigma-grid nor --sensitivity")
            }
        case .discreteGaussian, .distributedDiscreteGaussian:
            guard (noiseMultiplier == nil) != (sensitivity == nil) else {
                throw ValidationError("give either --noise-multiplier, or --sensitivity with --sigma-grid")
            }
            guard sigmaGrid != nil || (sensitivity == nil && clients == nil) else {
                throw ValidationError("--sigma-grid is missing: the parameter of one noise source in grid units")
            }
        }
        guard dimension == nil || sigmaGrid != nil else {
            throw ValidationError("--dimension needs --sigma-grid: the sampler's distance depends on it")
        }
    }

    func run() throws {
        let step = samplingRate == 1 ? stepEvent : .poissonSampled(rate: samplingRate, event: stepEvent)
        let event = step.selfComposed(steps)
        let split = try DeltaParts.split(delta, sampler: samplerDistance()) { (delta) throws(AccountingError) in
            try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion.conversion)
        }
        let sampling = samplingRate == 1 ? "none" : "Poisson, rate \(samplingRate)"
        let report = Report(
            epsilon: split.accounted.epsilon,
            delta: delta,
            deltaParts: split.parts,
            accountant: accountant,
            conversion: split.accounted.conversion,
            adjacency: .addRemoveOne,
            sampling: sampling,
            holdsAgainst: Adversary.outsider.explanation,
            order: split.accounted.order,
            mechanism: mechanism,
            steps: steps
        )
        try format.print(report) { table in
            table.row("epsilon", "\(report.epsilon)")
            table.row("holds against", report.holdsAgainst)
            table.row("delta", "\(delta)")
            table.row("delta items", "accountant \(split.parts.accountant), sampler \(split.parts.sampler)")
            table.row("accountant", "\(accountant.rawValue), order \(report.order)")
            table.row("conversion", report.conversion.rawValue)
            table.row("adjacency", report.adjacency.rawValue)
            table.row("sampling", sampling)
            table.row("released", event.description)
        }
    }

    /// One step before sampling.
    private var stepEvent: PrivacyEvent {
        let multiplier = noiseMultiplier ?? 0
        switch mechanism {
        case .gaussian:
            return .gaussian(noiseMultiplier: multiplier)
        case .discreteGaussian:
            guard let sigmaGrid else { return .discreteGaussian(sigma: multiplier, sensitivity: 1) }
            return .discreteGaussian(sigma: sigmaGrid, sensitivity: sensitivity ?? sigmaGrid / multiplier)
        case .distributedDiscreteGaussian:
            let (clients, sigma) = (self.clients ?? 1, sigmaGrid ?? 0)
            let total = Double(max(0, clients)).squareRoot() * sigma
            return .sumOfDiscreteGaussians(
                shares: clients,
                sigma: sigma,
                sensitivity: sensitivity ?? total / multiplier
            )
        }
    }

    /// The distance of our sampler at the next multiple of 64 above the parameter.
    private func samplerDistance() throws -> DeltaParts.SamplerDistance? {
        guard let dimension, let sigmaGrid else { return nil }
        let multiple = (sigmaGrid / Double(DiscreteGaussian.baseDeviation)).rounded(.up)
        guard multiple >= 1, multiple <= Double(DiscreteGaussian.largestMultiple) else {
            throw CommandError("--sigma-grid: \(sigmaGrid) is not possible; expected above 0, at most 2^40")
        }
        return try DeltaParts.SamplerDistance(
            perSampleLog2: DiscreteGaussian(multiple: UInt64(multiple)).samplerDistanceLog2,
            steps: steps,
            dimension: dimension,
            shares: clients ?? 1
        )
    }
}
