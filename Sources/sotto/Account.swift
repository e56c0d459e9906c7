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

    @OptionGroup var release: MechanismOptions

    @Option(help: "The delta.")
    var delta: Double

    @Option(help: "The accountant: pld, rdp, zcdp; by default the tightest that covers the release.")
    var accountant: Accountant?

    @Option(help: "From a Rényi divergence to epsilon: improved, classic.")
    var conversion: ConversionChoice?

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let epsilon: Double
        let delta: Double
        let deltaParts: DeltaParts
        let accountant: Accountant
        let conversion: Conversion?
        let adjacency: Adjacency
        let sampling: String
        let holdsAgainst: String
        let order: Double?
        let mechanism: MechanismOptions.Mechanism?
        let steps: Int?
    }

    func validate() throws {
        guard release.mechanism != nil else {
            throw ValidationError("--mechanism is missing")
        }
        guard conversion == nil || accountant != .pld else {
            throw ValidationError("--conversion belongs to rdp and zcdp; pld needs none")
        }
    }

    func run() throws {
        let event = try release.event()
        let split = try DeltaParts.split(delta, sampler: release.samplerDistance()) { (delta) throws(AccountingError) in
            try account(event, delta: delta)
        }
        let accounted = split.accounted
        let report = Report(
            epsilon: accounted.epsilon,
            delta: delta,
            deltaParts: split.parts,
            accountant: accounted.accountant,
            conversion: accounted.conversion,
            adjacency: .addRemoveOne,
            sampling: release.sampling,
            holdsAgainst: Adversary.outsider.explanation,
            order: accounted.order,
            mechanism: release.mechanism,
            steps: release.steps
        )
        try format.print(report) { table in
            table.row("epsilon", "\(report.epsilon)")
            table.row("holds against", report.holdsAgainst)
            table.row("delta", "\(delta)")
            for (label, value) in split.parts.rows { table.row(label, value) }
            table.row("accountant", accounted.method)
            table.row("adjacency", report.adjacency.rawValue)
            table.row("sampling", release.sampling)
            table.row("released", event.description)
        }
    }

    private func account(_ event: PrivacyEvent, delta: Double) throws(AccountingError) -> AccountedEpsilon {
        if let accountant {
            return try accountant.epsilon(of: event, delta: delta, conversion: conversion?.conversion ?? .improved)
        }
        guard let conversion else { return try Accountant.least(of: event, delta: delta) }
        return try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion.conversion)
    }
}
