// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Cryptography
import Datasets
import Files
import Kernels
import Models
import Networks
import PrecisionStudy
import Training

/// `sotto precision`: what low precision does to accuracy, gradients, speed and memory, on a task of one's own.
struct ComparePrecisions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "precision",
        abstract: "Train one task in several precisions, and compare accuracy, gradients, speed and memory.",
        discussion: """
            Every run starts from the same seeds, draws the same examples and adds the same noise, with and without \
            privacy, on one machine and with clients. Accuracy is the mean over seeds with a 95 % interval; cosine and \
            relative error compare a batch's clipped sum, before noise, with one in Float64; violations count examples \
            that change an integer sum by more than its certificate says, and must be 0.

            Draws and noise can be repeated by everybody and diagnostics are not noised, so the data must be public, and \
            the epsilon is what a run would spend with secret randomness. With --output, every finished run is kept, and \
            the same command goes on where it was. See docs/precision.md.
            """
    )

    @Option(help: "The network: a preset or, for --settings central, a TOML file of layers.")
    var model: String?

    @Option(help: "The data: \(DatasetSource.forms.joined(separator: ", ")).")
    var data: String?

    @Flag(
        help: "Declare the training data public: clipped shares and errors of single batches tell about its examples."
    )
    var publicData = false

    @Option(help: "Precisions to compare with fp32: tf32, bf16, fp16, apart by commas.")
    var precisions = ListArgument(Precision.allCases)

    @Option(help: "Where to train: central, federated, or both, apart by a comma.")
    var settings = ListArgument(StudySetting.allCases)

    @Option(help: "Runs with differential privacy, without, or both, apart by a comma.")
    var privacy = ListArgument(StudyPrivacy.allCases)

    @Option(help: "Seeds of parameters, draws and noise, apart by commas; two or more give an interval over seeds.")
    var seeds: ListArgument<UInt64>?

    @Option(help: "Seeds of the runs without privacy, which vary less; by default the same.")
    var seedsWithout: ListArgument<UInt64>?

    @Option(help: "Expected passes over the training set.")
    var epochs: Double?

    @Option(help: "Expected examples in a step.")
    var batch: Double?

    @Option(help: "The learning rate.")
    var learningRate: Double?

    @Option(help: "The momentum, as PyTorch defines it.")
    var momentum = 0.0

    @Option(help: "The clipping norm of one example's gradient.")
    var clip = 1.0

    @Option(help: "The epsilon to plan the noise for; 8 where neither this nor --noise-multiplier is given.")
    var epsilon: Double?

    @Option(help: "The noise multiplier; instead of --epsilon.")
    var noiseMultiplier: Double?

    @Option(help: "The delta of the claim.")
    var delta = 1e-5

    @Option(help: "The clipping method: \(ClippingMethod.names).")
    var clipping = ClippingMethod.auto

    @Option(help: "What activations and gradients rest in between operations: fp32, bf16, fp16.")
    var storage = Storage.fp32

    @Option(help: "The constant factor of every example's loss, a power of two; by default 1, or 256 with fp16.")
    var lossScale: Int?

    @Option(help: "Clients of the federated runs, each with an equal part of the training set.")
    var clients = 4

    @Option(help: "Rounds of the federated runs; by default as many as a central run has steps.")
    var rounds: Int?

    @Option(help: "Threads that compute; by default one for each processor.")
    var workers: Int?

    @Option(help: "Bytes for a run, beyond the process and its data, for example 256MiB.")
    var memoryLimit: ByteSize?

    @Option(help: ArgumentHelp("Keep every finished run in this folder, and go on from there.", valueName: "folder"))
    var output: String?

    @Option(help: ArgumentHelp("Write a page with plots to keep.", valueName: "file.html"))
    var report: String?

    @Flag(
        help: "A first look in less than a minute: a small network on the shipped digits, unless options say otherwise."
    )
    var quick = false

    @OptionGroup var format: OutputOptions

    func validate() throws {
        guard epsilon == nil || noiseMultiplier == nil else {
            throw ValidationError("give either --noise-multiplier or --epsilon")
        }
        guard clipping != .none else {
            throw ValidationError("--clipping none: clips nothing; --privacy without compares runs without clipping")
        }
        if let lossScale, !(1...1 << 24).contains(lossScale) || lossScale.nonzeroBitCount != 1 {
            throw ValidationError("--loss-scale \(lossScale): a power of two from 1 to 16777216")
        }
        if let workers, !(1...1024).contains(workers) { throw ValidationError("--workers: 1 to 1024") }
        for (name, value) in [("epochs", epochs), ("batch", batch), ("learning-rate", learningRate)]
        where value == nil && !quick {
            throw ValidationError("--\(name): is missing; give it, or --quick for a first look")
        }
        guard quick || (model != nil && data != nil) else {
            throw ValidationError("--model and --data: are missing; give them, or --quick for a first look")
        }
    }

    func run() throws {
        let task = try task()
        let scope = Study.Scope(
            precisions: precisions.values,
            settings: settings.values,
            privacy: privacy.values.map { $0 == .with },
            seeds: seeds?.values ?? [1],
            plainSeeds: seedsWithout?.values
        )
        var study = try Study(task, scope, folder: output.map { path throws(FileError) in try StudyFolder(path) })
        var bar: ProgressBar?
        let results = try study.run { progress in
            if bar == nil { bar = ProgressBar("comparing", total: progress.total) }
            bar?.update(progress.done)
        }
        bar?.finish()
        let found = PrecisionReport(task, scope, results)
        if let report { try PrecisionPage(found).write(to: report) }
        try format.print(found, in: PrecisionReport.table, rows: found.fill)
        if !format.json { for note in found.notes { print(note) } }
        guard found.violations == 0 else {
            throw CommandError(
                "\(found.violations) examples changed a sum by more than its certificate: do not train here; report it",
                status: .failure
            )
        }
    }

    private func task() throws -> StudyTask {
        let model = model ?? "mlp"
        let data = data ?? "digits"
        var (train, test) = try DatasetSource.load(data)
        // Naming a test set declares it public, as in training.
        test = test.declaredPublic()
        if publicData { train = train.declaredPublic() }
        let network = try ModelSource.load(model, input: Shape(train.exampleShape), classes: train.classes)
        let isFile = ModelSource.isPath(model)
        var task = StudyTask(
            network: network,
            modelIdentity: isFile ? Hexadecimal.text(SHA256.hash(try InputFile.read(model))) : model,
            preset: isFile ? nil : model,
            data: data,
            train: train,
            test: test,
            batch: batch ?? 128,
            epochs: epochs ?? 6,
            learningRate: learningRate ?? 0.25,
            momentum: momentum,
            clip: clip,
            noise: noiseMultiplier.map { .multiplier($0) } ?? .epsilon(epsilon ?? 8),
            delta: delta,
            method: clipping
        )
        task.storage = storage.format
        task.lossScale = lossScale.map { Float($0) }
        task.clients = clients
        task.rounds = rounds
        task.workers = workers ?? Machine.processors
        task.memoryLimit = memoryLimit?.bytes
        return task
    }
}
