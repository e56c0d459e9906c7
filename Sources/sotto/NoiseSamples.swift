// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Files
import Kernels
import Noise
import Randomness

struct NoiseSamples: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "noise",
        abstract: "Draw noise from the samplers that training uses, and measure it."
    )

    enum Mechanism: String, ExpressibleByArgument, CaseIterable, Encodable {
        case discreteGaussian = "discrete-gaussian"
        case rationalDiscreteGaussian = "rational-discrete-gaussian"
    }

    @Option(help: "The mechanism: \(Mechanism.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mechanism: Mechanism

    @Option(help: "The parameter sigma: a multiple of 64 for discrete-gaussian, else a decimal number.")
    var sigma: DecimalFraction

    @Option(help: "Samples to draw.")
    var count: Int

    @Option(help: "A file for the samples, as little-endian 64-bit integers.")
    var raw: String?

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let mechanism: Mechanism
        let sigma: Double
        let count: Int
        let mean: Double
        let variance: Double
        let expectedVariance: Double
        let samplesPerSecond: Double
        let randomBitsPerSample: Double
    }

    /// Samples of one call of the sampler.
    private static let block = 1 << 16
    /// Samples that a file may hold: they are in memory before they are written.
    private static let largestFile = 1 << 27

    func validate() throws {
        guard count >= 1, raw == nil || count <= Self.largestFile else {
            throw ValidationError("--count is \(count); expected at least 1, and at most 2^27 with --raw")
        }
    }

    func run() throws {
        let mechanism = try makeMechanism()
        var stream = CountingStream()
        var moments = Moments()
        var bytes: [UInt8] = []
        if raw != nil { bytes.reserveCapacity(8 * count) }
        let samples = Buffer<Int64>(count: min(count, Self.block))
        var elapsed = Duration.zero
        var bar = ProgressBar("drawing", total: count)
        for start in stride(from: 0, to: count, by: Self.block) {
            let range = 0..<min(Self.block, count - start)
            let begin = ContinuousClock.now
            samples.write(range) { mechanism.fill(&$0, from: &stream) }
            elapsed += ContinuousClock.now - begin
            samples.read(range) { moments.add($0) }
            if raw != nil { samples.read(range) { Self.append($0, to: &bytes) } }
            bar.update(start + range.count)
        }
        bar.finish()
        if let raw { try DurableFile.write(bytes, to: raw, mode: 0o644) }

        let report = Report(
            mechanism: self.mechanism,
            sigma: mechanism.standardDeviation,
            count: count,
            mean: moments.mean,
            variance: moments.variance,
            expectedVariance: mechanism.variance,
            samplesPerSecond: Double(count) / max(elapsed / .seconds(1), 1e-9),
            randomBitsPerSample: 64 * Double(stream.words) / Double(count)
        )
        try format.print(report) { table in
            table.row("mechanism", mechanism.name)
            table.row("samples", Decimal.grouped(count))
            table.row("mean", report.mean.short)
            table.row("variance", "\(report.variance.short), expected \(report.expectedVariance.short)")
            table.row("speed", "\(Decimal.grouped(Int(report.samplesPerSecond))) samples/s")
            table.row("random bits", "\(report.randomBitsPerSample.short) a sample")
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
            let (numerator, tooLarge) = sigma.numerator.multipliedReportingOverflow(by: sigma.numerator)
            let (denominator, tooFine) = sigma.denominator.multipliedReportingOverflow(by: sigma.denominator)
            guard !tooLarge, !tooFine else {
                throw CommandError("--sigma: \(sigma) is not possible; expected below 2^32, 9 digits in all")
            }
            return try RationalDiscreteGaussian(varianceNumerator: numerator, varianceDenominator: denominator)
        }
    }

    private static func append(_ samples: Span<Int64>, to bytes: inout [UInt8]) {
        for index in samples.indices {
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: samples[index] >> shift))
            }
        }
    }
}

/// A secret stream that counts the words that are taken from it.
private struct CountingStream: ~Copyable, RandomWords {
    private var stream = SecretStream(.noise)
    private(set) var words = 0

    mutating func next() -> UInt64 {
        words += 1
        return stream.next()
    }

    mutating func fill(_ words: inout MutableSpan<UInt64>) {
        self.words += words.count
        stream.fill(&words)
    }
}

/// Mean and variance of integers, exact until the division.
private struct Moments {
    private var count = 0
    private var sum: Int128 = 0
    private var squares: UInt128 = 0

    var mean: Double { Double(sum) / Double(count) }

    /// Around the mean, divided by the number of samples.
    var variance: Double { max(0, Double(squares) / Double(count) - mean * mean) }

    mutating func add(_ samples: Span<Int64>) {
        count += samples.count
        for index in samples.indices {
            let sample = samples[index]
            sum += Int128(sample)
            let square = sample.magnitude.multipliedFullWidth(by: sample.magnitude)
            squares += UInt128(square.high) << 64 | UInt128(square.low)
        }
    }
}
