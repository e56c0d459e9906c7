// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import Auditing
import CommandLineKit

struct Account: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compute what repeated noisy steps spend, and check what others say they spent.",
        discussion: """
            With --mechanism: the adjacency is add-or-remove-one, the sampling is Poisson. A distributed discrete Gaussian \
            is the sum of as many shares as there are clients, each of parameter --sigma-grid, on integers of L2 sensitivity \
            --sensitivity; without --sensitivity it is the one at which the sum has the given --noise-multiplier. With \
            --dimension, delta pays for the sampler's distance from the ideal law.

            With --ledger: every hash and link of the file is verified, and epsilon against each adversary is recomputed from \
            the entries alone.

            With --verify: the claim beside a released model is recomputed offline. The exit status is 4 where a part of it \
            does not hold.
            """
    )

    @OptionGroup var release: MechanismOptions

    @Option(help: "The delta; of a ledger 1e-5 where none is given, of a statement its own.")
    var delta: Double?

    @Option(help: "The accountant: pld, rdp, zcdp; by default the tightest that covers the release.")
    var accountant: Accountant?

    @Option(help: "From a Rényi divergence to epsilon: improved, classic.")
    var conversion: ConversionChoice?

    @Option(help: ArgumentHelp("A ledger: the JSON document or the binary export.", valueName: "file"))
    var ledger: String?

    @Option(help: ArgumentHelp("The Ed25519 public key that must have signed the ledger's head.", valueName: "hex"))
    var ledgerKey: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "A model file, or the folder that holds it, and its privacy.json; by default the one beside the model.",
            valueName: "path"
        )
    )
    var verify: [String] = []

    @Option(help: ArgumentHelp("Write a page with plots to keep, besides what is printed.", valueName: "file.html"))
    var report: String?

    @OptionGroup var format: OutputOptions

    func validate() throws {
        guard release.mechanism != nil || ledger != nil || !verify.isEmpty else {
            throw ValidationError("--mechanism is missing; or give --ledger, or --verify")
        }
        if release.mechanism == nil, let option = release.firstGiven {
            throw ValidationError("\(option) belongs to --mechanism")
        }
        guard release.mechanism == nil || (ledger == nil && verify.isEmpty) else {
            throw ValidationError(
                "give only one of --mechanism, --ledger and --verify; a ledger may accompany --verify"
            )
        }
        guard conversion == nil || accountant != .pld else {
            throw ValidationError("--conversion belongs to rdp and zcdp; pld needs none")
        }
        guard ledgerKey == nil || ledger != nil else { throw ValidationError("--ledger-key needs --ledger") }
        if verify.isEmpty {
            guard delta != nil || release.mechanism == nil else { throw ValidationError("--delta is missing") }
        } else {
            guard verify.count <= 2 else {
                throw ValidationError("--verify takes a model and its privacy.json; there are \(verify.count) paths")
            }
            guard delta == nil, accountant == nil, conversion == nil else {
                throw ValidationError("--verify recomputes what is stated: no --delta, --accountant or --conversion")
            }
        }
    }

    func run() throws {
        let choice = AccountantChoice(accountant: accountant, conversion: conversion?.conversion)
        if !verify.isEmpty {
            try AccountVerify(paths: verify, ledger: ledgerFile()).run(format, report: report)
        } else if let file = try ledgerFile() {
            try AccountLedger(file: file, delta: delta ?? 1e-5, choice: choice).run(format, report: report)
        } else {
            try AccountMechanism(release: release, delta: delta ?? 0, choice: choice).run(format, report: report)
        }
    }

    private func ledgerFile() throws -> LedgerFile? {
        guard let ledger else { return nil }
        return try LedgerFile(
            InputFile.read(ledger),
            path: ledger,
            key: ledgerKey.map { try PublicKeyArgument.key($0, option: "--ledger-key") }
        )
    }
}
