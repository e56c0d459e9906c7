// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit
import Datasets
import Files
import Models
import Networks
import Training

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a model on one machine with DP-SGD.",
        discussion: """
            The sampling is Poisson with rate batch / N, where N, the number of training examples, is declared public, as \
            is the test set. Nothing that depends on private examples is shown without noise.

            With --ledger, the whole run is reserved in the file before its first step and counts from then on, whatever \
            becomes of it; all runs in the file compose.
            """
    )

    @Option(help: "The network: a TOML file of layers, or \(Network.presets.joined(separator: ", ")).")
    var model: String

    @Option(help: "The data: \(DatasetSource.forms.joined(separator: ", ")).")
    var data: String

    @Option(help: "Expected passes over the training set.")
    var epochs: Double

    @Option(help: "Expected examples in a logical step.")
    var batch: Double

    @Option(help: "The learning rate.")
    var learningRate: Double

    @Option(help: "The momentum, as PyTorch defines it.")
    var momentum = 0.0

    @Option(help: "The clipping norm of one example's gradient.")
    var clip: Double

    @Option(help: "The noise multiplier; instead of --epsilon.")
    var noiseMultiplier: Double?

    @Option(help: "The epsilon to stay within; instead of --noise-multiplier.")
    var epsilon: Double?

    @Option(help: "The delta of the claim.")
    var delta: Double

    @Option(help: "The accountant of the claim: pld, rdp, zcdp; by default the tightest that covers the run.")
    var accountant: Accountant?

    @Option(help: "The clipping method: \(ClippingMethod.names).")
    var clipping = ClippingMethod.auto

    @Option(help: "The rule of the clip factor: abadi, automatic.")
    var factor = ClipRule.abadi

    @OptionGroup var numbers: NumericsOptions

    @OptionGroup var resources: ResourceOptions

    @Option(help: "Seed of the initial parameters; never of noise or sampling.")
    var seed: UInt64 = 0

    @Option(help: "Directory for model.safetensors and privacy.json.")
    var output: String?

    @OptionGroup var runs: RunLedgerOptions

    @OptionGroup var format: OutputOptions

    func validate() throws {
        guard (noiseMultiplier == nil) != (epsilon == nil) else {
            throw ValidationError("give either --noise-multiplier or --epsilon")
        }
    }

    func run() throws {
        let (train, test) = try DatasetSource.load(data)
        let base = ProcessMemory.resident()
        let network = try ModelSource.load(model, input: Shape(train.exampleShape), classes: train.classes)
        let plan = try CentralPlan(
            configuration(network),
            examples: train.count
        )
        let run = try LedgeredRun(runs, plan, data: data)

        var bar = ProgressBar("training", total: plan.steps)
        let start = ContinuousClock.now
        var trained = start
        let outcome = try run.ending {
            try CentralTrainer(plan).run(train: train, test: test.declaredPublic()) { step in
                bar.update(step)
                if step == plan.steps { trained = ContinuousClock.now }
            }
        }
        bar.finish()
        // Spent before the model leaves in any form.
        let ledger = try run.spend(outcome)

        let report = TrainReport(
            plan,
            outcome,
            data: data,
            precision: numbers.precision,
            seconds: (trained - start) / .seconds(1),
            baseBytes: base,
            peakBytes: ProcessMemory.peak(),
            ledger: ledger.map { LedgerTotal($0, plan) }
        )
        if let output { try ModelDirectory(output).write(plan, outcome, ledgerHead: ledger?.head.hash) }
        try format.print(report, rows: report.fill)
    }

    private func configuration(_ network: Network) throws -> CentralConfiguration {
        var configuration = CentralConfiguration(
            network: network,
            clip: clip,
            noise: noiseMultiplier.map { .multiplier($0) } ?? .epsilon(epsilon ?? 0),
            method: clipping,
            batch: batch,
            epochs: epochs,
            learningRate: learningRate,
            momentum: momentum,
            delta: delta,
            workers: resources.workers ?? Machine.processors,
            memoryLimit: resources.memoryLimit?.bytes,
            physicalBatch: resources.physicalBatch,
            accountant: accountant,
            seed: seed,
            rule: factor,
            numerics: try numbers.numerics()
        )
        configuration.inflationLimit = numbers.inflationLimit
        return configuration
    }
}
