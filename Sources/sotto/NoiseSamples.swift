// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Files
import Kernels
import Noise
import Training

struct NoiseSamples: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "noise",
        abstract: "Draw noise from the samplers that training uses, and measure it.",
        discussion: """
            The speed is that of drawing alone, by all workers at once and in elapsed time; each has a secret stream of \
            its own. Beside it stands the speed of the rational sampler for the same sigma, from a short run on as many \
            workers: it is the slow one, exact for any rational sigma.
            """
    )

    enum Mechanism: String, ExpressibleByArgument, CaseIterable, Encodable {
        case discreteGaussian = "discrete-gaussian"
        case rationalDiscreteGaussian = "rational-discrete-gaussian"
        case skellam
    }

    @Option(help: "The mechanism: \(Mechanism.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mechanism: Mechanism

    @Option(
        help: """
            The parameter sigma: a multiple of 64 for discrete-gaussian, else a decimal number. For skellam the \
            variance is sigma squared, and sigma at most 1024.
            """
    )
    var sigma: DecimalFraction

    @Option(help: "Samples to draw.")
    var count: Int

    @Option(help: "Threads that draw; by default one for each processor.")
    var workers: Int?

    @Option(help: "A file for the samples, as little-endian 64-bit integers: blocks of the workers, in turn.")
    var raw: String?

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let mechanism: Mechanism
        let sigma: Double
        let count: Int
        let workers: Int
        let mean: Double
        let variance: Double
        let expectedVariance: Double
        let samplesPerSecond: Double
        let randomBitsPerSample: Double
        /// None where sigma is beyond the rational sampler.
        let rationalSamplesPerSecond: Double?
        let peakMiB: Double?
    }

    /// Samples of the rational sampler's run, for each worker: some tenth of a second.
    private static let rationalCount = 1 << 18

    func validate() throws {
        guard count >= 1 else { throw ValidationError("--count is \(count); expected at least 1") }
        guard (1...1024).contains(workers ?? 1) else {
            throw ValidationError("--workers is \(workers ?? 1); expected 1 to 1024")
        }
    }

    func run() throws {
        let mechanism = try makeMechanism()
        let pool = WorkerPool(workers: workers ?? Machine.processors)
        let crew = NoiseCrew(mechanism, pool: pool)
        let file = try raw.map { try SampleFile($0) }
        var bar = ProgressBar("drawing", total: count)
        var left = count
        while left > 0 {
            left -= crew.draw(left)
            if let file { try crew.forEachBlock { try file.append($0) } }
            bar.update(count - left)
        }
        bar.finish()
        try file?.finish()
        let rationalSpeed = self.mechanism == .rationalDiscreteGaussian ? crew.speed : measureRational(on: pool)

        let report = Report(
            mechanism: self.mechanism,
            sigma: mechanism.standardDeviation,
            count: count,
            workers: pool.workers,
            mean: crew.moments.mean,
            variance: crew.moments.variance,
            expectedVariance: mechanism.variance,
            samplesPerSecond: crew.speed,
            randomBitsPerSample: 64 * Double(crew.words) / Double(count),
            rationalSamplesPerSecond: rationalSpeed,
            peakMiB: ProcessMemory.peak().map { Double($0) / 0x1p20 }
        )
        try format.print(report) { table in
            let workers = pool.workers == 1 ? "1 worker" : "\(pool.workers) workers"
            let rational = rationalSpeed.map { "\(Decimal.grouped(Int($0))) samples/s" } ?? "sigma is beyond it"
            table.row("mechanism", mechanism.name)
            table.row("samples", Decimal.grouped(count))
            table.row("mean", report.mean.short)
            table.row("variance", "\(report.variance.short), expected \(report.expectedVariance.short)")
            table.row("speed", "\(Decimal.grouped(Int(report.samplesPerSecond))) samples/s on \(workers)")
            table.row("rational sampler", rational)
            table.row("random bits", "\(report.randomBitsPerSample.short) a sample")
            table.row("peak memory", report.peakMiB.map { "\(Decimal.text($0, digits: 1)) MiB" } ?? "unknown")
        }
    }

    private func makeMechanism() throws -> any NoiseMechanism {
        switch mechanism {
        case .discreteGaussian:
            let base = DiscreteGaussian.baseDeviation
            guard sigma.denominator == 1, sigma.numerator.isMultiple(of: base) else {
                throw CommandError("--sigma: \(sigma) is not possible; expected a whole multiple of \(base)")
            }
            return try DiscreteGaussian(multiple: sigma.numerator / base)
        case .rationalDiscreteGaussian:
            let (numerator, denominator) = try variance()
            return try RationalDiscreteGaussian(varianceNumerator: numerator, varianceDenominator: denominator)
        case .skellam:
            let (numerator, denominator) = try variance()
            return try Skellam(varianceNumerator: numerator, varianceDenominator: denominator)
        }
    }

    /// σ² as a fraction of 64-bit integers.
    private func variance() throws -> (numerator: UInt64, denominator: UInt64) {
        let (numerator, tooLarge) = sigma.numerator.multipliedReportingOverflow(by: sigma.numerator)
        let (denominator, tooFine) = sigma.denominator.multipliedReportingOverflow(by: sigma.denominator)
        guard !tooLarge, !tooFine else {
            throw CommandError("--sigma: \(sigma) is not possible; expected below 2^32, 9 digits in all")
        }
        return (numerator, denominator)
    }

    /// Samples a second of the rational sampler for this σ; nil where it has none.
    private func measureRational(on pool: WorkerPool) -> Double? {
        guard
            let (numerator, denominator) = try? variance(),
            let rational = try? RationalDiscreteGaussian(
                varianceNumerator: numerator,
                varianceDenominator: denominator
            )
        else { return nil }
        let crew = NoiseCrew(rational, pool: pool)
        var left = min(count, Self.rationalCount) * pool.workers
        while left > 0 { left -= crew.draw(left) }
        return crew.speed
    }
}
