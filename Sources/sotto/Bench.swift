// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit
import Datasets
import Kernels
import Networks
import Noise
import Randomness
import Training

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure training steps on random data.",
        discussion: """
            A step is forward and backward passes, clipping, noise and the model step for one logical batch. Printed are \
            medians; memory is that of the whole process, and of the process with its data before anything was planned.
            """
    )

    @OptionGroup var network: NetworkOptions

    @Option(help: "The clipping method: \(ClippingMethod.names).")
    var clipping = ClippingMethod.auto

    @OptionGroup var numbers: NumericsOptions

    @Option(help: "Examples of a logical step.")
    var batch = 256

    @Option(help: "How long to measure; at least five steps are.")
    var seconds = 3.0

    @OptionGroup var resources: ResourceOptions

    @Flag(help: "Switch the mass cap off, as other libraries do: faster in places, and without a certificate.")
    var uncapped = false

    @OptionGroup var format: OutputOptions

    func validate() throws {
        guard batch >= 1, batch <= 1 << 24 else { throw ValidationError("--batch: 1 to 2^24 examples") }
        guard seconds > 0, seconds <= 3600 else { throw ValidationError("--seconds: above 0, at most 3600") }
    }

    func run() throws {
        let network = try network.network()
        let bench = try StepBench(
            network,
            clipping: clipping,
            batch: batch,
            workers: resources.workers ?? Machine.processors,
            memoryLimit: resources.memoryLimit?.bytes,
            physicalBatch: resources.physicalBatch,
            capsMass: !uncapped,
            numerics: numbers.numerics(),
            inflationLimit: numbers.inflationLimit
        )
        bench.warmUp()
        var times: [Double] = []
        let start = ContinuousClock.now
        while times.count < 5 || (ContinuousClock.now - start) / .seconds(1) < seconds { times.append(bench.step()) }
        let peak = ProcessMemory.peak()
        let report = BenchReport(bench, times, numbers: numbers, peakBytes: peak)
        try format.print(report, rows: report.fill)
    }
}

/// What `sotto bench` prints.
struct BenchReport: Encodable {
    struct Phases: Encodable {
        let forward, backward, perExampleNorm, clipAndSum, noise, step: Double
    }

    let model: String
    let clipping: String
    let precision: Precision
    let storage: Storage
    let batch: Int
    let physicalBatch: Int
    let workers: Int
    let parameters: Int
    let samplesPerSecond: Double
    let stepMilliseconds: Double
    let baseMiB: Double
    let planMiB: Double
    let peakMiB: Double?
    let phases: Phases
    let sensitivityInflation: Double?
    let certified: Bool
    let gigaflopPerExample: Double
    let sgemmGigaflops: Double
    let sgemmShare: Double
    let library: String

    init(_ bench: StepBench, _ times: [Double], numbers: NumericsOptions, peakBytes: Int?) {
        let sorted = times.sorted()
        let median = sorted[sorted.count / 2]
        model = bench.network.name
        clipping = bench.memory.clipping.method.rawValue
        precision = numbers.precision
        storage = numbers.storage
        batch = bench.batch
        physicalBatch = bench.memory.physicalBatch
        workers = bench.memory.workers
        parameters = bench.network.parameterCount
        samplesPerSecond = Double(bench.batch) / median
        stepMilliseconds = median * 1e3
        baseMiB = Double(bench.baseBytes) / 0x1p20
        planMiB = Double(bench.memory.totalBytes) / 0x1p20
        peakMiB = peakBytes.map { Double($0) / 0x1p20 }
        let scale = 1e-6 / Double(times.count)
        let phases = bench.phases()
        func milliseconds(_ phase: Phase) -> Double { (phases[phase] ?? 0) * scale }
        self.phases = Phases(
            forward: milliseconds(.forward),
            backward: milliseconds(.backward),
            perExampleNorm: milliseconds(.perExampleNorm),
            clipAndSum: milliseconds(.clipAndSum),
            noise: milliseconds(.noise),
            step: milliseconds(.step)
        )
        sensitivityInflation = bench.memory.clipping.certificate?.inflation
        certified = bench.memory.clipping.certificate != nil
        gigaflopPerExample = bench.network.operationsPerExample * 1e-9
        sgemmGigaflops = bench.sgemmGigaflops()
        sgemmShare = gigaflopPerExample * samplesPerSecond / sgemmGigaflops
        library = Processor.description
    }

    /// The table for people.
    func fill(_ table: inout TextTable) {
        table.row("model", "\(model), \(Decimal.grouped(parameters)) parameters")
        table.row(
            "clipping",
            certified ? "\(clipping), inflation \(sensitivityInflation?.short ?? "")" : "\(clipping), NOT PRIVATE"
        )
        table.row(
            "speed",
            "\(Decimal.grouped(Int(samplesPerSecond))) examples/s, \(stepMilliseconds.short) ms a step of \(batch)"
        )
        table.row("physical batch", "\(physicalBatch) examples on \(workers) workers")
        let peak = peakMiB.map { Decimal.text($0 - baseMiB, digits: 1) } ?? "unknown"
        table.row("memory", "\(peak) MiB above start, \(Decimal.text(planMiB, digits: 1)) MiB planned")
        table.row("forward", "\(phases.forward.short) ms")
        table.row("backward", "\(phases.backward.short) ms")
        table.row("norms", "\(phases.perExampleNorm.short) ms")
        table.row("clip and sum", "\(phases.clipAndSum.short) ms")
        table.row("noise", "\(phases.noise.short) ms")
        table.row("model step", "\(phases.step.short) ms")
        let share = Decimal.text(100 * sgemmShare, digits: 0)
        table.row("products", "\(share) % of sgemm's \(sgemmGigaflops.short) GFLOP/s (\(library))")
    }
}
