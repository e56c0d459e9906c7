// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit

struct Calibrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find the least noise multiplier for an epsilon."
    )

    @Option(help: "The epsilon to stay within.")
    var epsilon: Double

    @Option(help: "The delta.")
    var delta: Double

    @Option(help: "The probability with which an example joins a step; 1 for no sampling.")
    var samplingRate = 1.0

    @Option(help: "The number of steps.")
    var steps: Int

    @Option(help: "The accountant: rdp.")
    var accountant = Accountant.rdp

    @Option(help: "From a Rényi divergence to epsilon: improved, classic.")
    var conversion = ConversionChoice.improved

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let noiseMultiplier: Double
        let epsilon: Double
        let delta: Double
        let order: Int
        let accountant: Accountant
        let conversion: Conversion
        let adjacency: Adjacency
        let sampling: String
        let holdsAgainst: String
    }

    func run() throws {
        let noiseMultiplier = try RDPAccountant.noiseMultiplier(
            forEpsilon: epsilon,
            delta: delta,
            samplingRate: samplingRate,
            steps: steps,
            conversion: conversion.conversion
        )
        let step = PrivacyEvent.poissonSampled(rate: samplingRate, event: .gaussian(noiseMultiplier: noiseMultiplier))
        let accounted = try RDPAccountant.epsilon(
            of: step.selfComposed(steps),
            delta: delta,
            conversion: conversion.conversion
        )
        let report = Report(
            noiseMultiplier: noiseMultiplier,
            epsilon: accounted.epsilon,
            delta: delta,
            order: accounted.order,
            accountant: accountant,
            conversion: accounted.conversion,
            adjacency: .addRemoveOne,
            sampling: samplingRate == 1 ? "none" : "Poisson, rate \(samplingRate), \(steps) steps",
            holdsAgainst: Adversary.outsider.explanation
        )
        try format.print(report) { table in
            table.row("noise multiplier", "\(noiseMultiplier)")
            table.row("epsilon", "\(accounted.epsilon)")
            table.row("delta", "\(delta)")
            table.row("accountant", "\(accountant.rawValue), order \(accounted.order)")
            table.row("conversion", accounted.conversion.rawValue)
            table.row("adjacency", report.adjacency.rawValue)
            table.row("sampling", report.sampling)
            table.row("holds against", report.holdsAgainst)
        }
    }
}
