// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

@Suite struct RationalDiscreteGaussianTests {
    @Test(
        arguments: [
            (0, 1), (1, 0), (0, 0), (.max, 1), (.max, .max), (3 << 62, 3 << 62),
        ] as [(UInt64, UInt64)]
    )
    func refusedVariances(numerator: UInt64, denominator: UInt64) {
        #expect(throws: NoiseError.varianceOutOfRange(numerator: numerator, denominator: denominator)) {
            _ = try RationalDiscreteGaussian(varianceNumerator: numerator, varianceDenominator: denominator)
        }
    }

    /// The ends of what is allowed: products of 128 bits, and a σ so small that every sample is zero.
    @Test(
        arguments: [
            (1 << 63, 1), ((1 << 62) - 1, (1 << 62) - 1), (1, (1 << 62) - 1), ((1 << 62) - 1, 3),
        ] as [(UInt64, UInt64)]
    )
    func extremeVariances(numerator: UInt64, denominator: UInt64) throws {
        let noise = try RationalDiscreteGaussian(varianceNumerator: numerator, varianceDenominator: denominator)
        var stream = InsecureTestStream(seed: 5)
        let samples = filled(noise, 2000, &stream)
        let mean = samples.reduce(0.0) { $0 + Double($1) * Double($1) } / 2000
        // 2000 squares of a Gaussian: within a factor of two, at any rate below 1e-6.
        #expect(mean <= 2 * noise.variance)
        #expect(mean >= noise.variance / 2 - 1e-12)
    }

    /// Variances of the law, summed by mpmath with 30 digits.
    @Test(
        arguments: [
            (9, 100, 0.0076725193681317351), (1, 1, 0.99999978876772808), (25, 4, 6.25), (225, 16, 14.0625),
            (16, 1, 16.0), (100, 1, 100.0),
        ] as [(UInt64, UInt64, Double)]
    )
    func variances(numerator: UInt64, denominator: UInt64, expected: Double) throws {
        let noise = try RationalDiscreteGaussian(varianceNumerator: numerator, varianceDenominator: denominator)
        #expect(abs(noise.variance / expected - 1) < 1e-14)
        #expect(noise.variance <= noise.standardDeviation * noise.standardDeviation * (1 + 1e-15))
    }
}
