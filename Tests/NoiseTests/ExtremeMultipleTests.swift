// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The ends of the range, K = 1 and K = 2^34, bit by bit; false-alarm rate 1e-6 a test. Their histograms and moments
/// are in `LawTests`.
@Suite struct ExtremeMultipleTests {
    private func samples(_ multiple: UInt64) throws -> [Int64] {
        var stream = InsecureTestStream(seed: 51)
        return filled(try DiscreteGaussian(multiple: multiple), 1_000_000, &stream)
    }

    /// By Poisson's summation a discrete Gaussian's rest modulo m is uniform up to exp(−2π²σ²/m²): below 10⁻⁵⁰⁰ here.
    @Test(arguments: [(1, [0]), (1 << 34, [0, 8, 16, 26])] as [(UInt64, [Int64])])
    func lowBitsAreUniform(multiple: UInt64, shifts: [Int64]) throws {
        let samples = try samples(multiple)
        let size = multiple == 1 ? 8 : 256
        let uniform = [Double](repeating: 1 / Double(size), count: size)
        for shift in shifts {
            var counts = [Int](repeating: 0, count: size)
            for sample in samples { counts[Int(sample >> shift) & (size - 1)] += 1 }
            let test = ChiSquareTest(counts: counts, probabilities: uniform)
            #expect(test.passes, "bits from \(shift): tail \(test.tail)")
        }
        // Power: one sample in fifty without its lowest bit.
        var counts = [Int](repeating: 0, count: size)
        for (index, sample) in samples.enumerated() {
            counts[Int(index % 50 == 0 ? sample & ~1 : sample) & (size - 1)] += 1
        }
        #expect(!ChiSquareTest(counts: counts, probabilities: uniform).passes)
    }

    /// ⌊z / 2^34⌋ is Gaussian with deviation 64, between whole numbers.
    @Test func highBitsAreGaussian() throws {
        var counts = [Int](repeating: 0, count: 1024)
        for sample in try samples(1 << 34) { counts[Int(sample >> 34) + 512] += 1 }
        let scale = 64 * 2.0.squareRoot()
        let law = (-512..<512).map { (erf(Double($0 + 1) / scale) - erf(Double($0) / scale)) / 2 }
        #expect(ChiSquareTest(counts: counts, probabilities: law).passes)
        #expect(KolmogorovSmirnovTest(counts: counts, probabilities: law).passes)
    }

    /// σ = 1/20: a sample other than zero has probability 2·e⁻²⁰⁰.
    @Test func tinyRationalDeviation() throws {
        let noise = try RationalDiscreteGaussian(varianceNumerator: 1, varianceDenominator: 400)
        var stream = InsecureTestStream(seed: 52)
        #expect(filled(noise, 50_000, &stream).allSatisfy { $0 == 0 })
        #expect(noise.variance < 1e-86 && noise.variance > 1e-87)
    }

    /// σ = 2^31: the rational sampler's low bits, too.
    @Test func largeRationalDeviation() throws {
        let noise = try RationalDiscreteGaussian(varianceNumerator: 1 << 62, varianceDenominator: 1)
        var stream = InsecureTestStream(seed: 53)
        let samples = filled(noise, 200_000, &stream)
        for shift in [0, 10, 20] as [Int64] {
            var counts = [Int](repeating: 0, count: 256)
            for sample in samples { counts[Int(sample >> shift) & 255] += 1 }
            #expect(ChiSquareTest(counts: counts, probabilities: [Double](repeating: 1.0 / 256, count: 256)).passes)
        }
        let bins = Bins(sigma: noise.standardDeviation)
        let (counts, law) = (bins.counts(samples), bins.discreteGaussian(sigma: noise.standardDeviation))
        #expect(ChiSquareTest(counts: counts, probabilities: law).passes)
        #expect(KolmogorovSmirnovTest(counts: counts, probabilities: law).passes)
        #expect(RunsTest.signs(samples).passes)
    }
}
