// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit

struct Calibrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the least noise multiplier for an epsilon, or the most steps.",
        discussion: """
            With --steps: the least noise multiplier for which the steps stay within (epsilon, delta). With \
            --noise-multiplier: the most steps. The adjacency is add-or-remove-one, the sampling is Poisson.
            """
    )

    @Option(help: "The epsilon to stay within.")
    var epsilon: Double

    @Option(help: "The delta.")
    var delta: Double

    @Option(help: "The probability with which an example joins a step; 1 for no sampling.")
    var samplingRate = 1.0

    @Option(help: "The number of steps; instead of --noise-multiplier.")
    var steps: Int?

    @Option(help: "The noise multiplier; instead of --steps.")
    var noiseMultiplier: Double?

    @Option(help: "The accountant: pld, rdp, zcdp.")
    var accountant = Accountant.pld

    @Option(help: "From a Rényi divergence to epsilon: improved, classic.")
    var conversion: ConversionChoice?

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let noiseMultiplier: Double
        let steps: Int
        let epsilon: Double
        let delta: Double
        let order: Double?
        let accountant: Accountant
        let conversion: Conversion?
        let adjacency: Adjacency
        let sampling: String
        let holdsAgainst: String
    }

    func validate() throws {
        guard (steps == nil) != (noiseMultiplier == nil) else {
            throw ValidationError("give either --steps or --noise-multiplier")
        }
        guard conversion == nil || accountant != .pld else {
            throw ValidationError("--conversion belongs to rdp and zcdp; pld needs none")
        }
    }

    func run() throws {
        let conversion = conversion?.conversion ?? .improved
        let multiplier = try noiseMultiplier ?? leastMultiplier(conversion)
        let step = PrivacyEvent.poissonSampled(rate: samplingRate, event: .gaussian(noiseMultiplier: multiplier))
        let count =
            try steps
            ?? accountant.maximumSteps(of: step, epsilon: epsilon, delta: delta, conversion: conversion)
        let accounted = try accountant.epsilon(of: step.selfComposed(count), delta: delta, conversion: conversion)
        let report = Report(
            noiseMultiplier: multiplier,
            steps: count,
            epsilon: accounted.epsilon,
            delta: delta,
            order: accounted.order,
            accountant: accountant,
            conversion: accounted.conversion,
            adjacency: .addRemoveOne,
            sampling: samplingRate == 1 ? "none" : "Poisson, rate \(samplingRate), \(count) steps",
            holdsAgainst: Adversary.outsider.explanation
        )
        try format.print(report) { table in
            table.row("noise multiplier", "\(multiplier)")
            table.row("steps", "\(count)")
            table.row("epsilon", "\(accounted.epsilon)")
            table.row("delta", "\(delta)")
            table.row("accountant", accounted.method)
            table.row("adjacency", report.adjacency.rawValue)
            table.row("sampling", report.sampling)
            table.row("holds against", report.holdsAgainst)
        }
    }

    private func leastMultiplier(_ conversion: Conversion) throws(AccountingError) -> Double {
        try accountant.noiseMultiplier(
            forEpsilon: epsilon,
            delta: delta,
            samplingRate: samplingRate,
            steps: steps ?? 1,
            conversion: conversion
        )
    }
}
