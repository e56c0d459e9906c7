// SPDX-License-Identifier: Apache-2.0

import Accounting
import Testing

@Suite struct RenyiPropertyTests {
    private func epsilon(
        _ rate: Double,
        _ multiplier: Double,
        _ steps: Int,
        _ delta: Double = 1e-6,
        _ conversion: Conversion = .improved
    ) throws -> Double {
        let step = PrivacyEvent.poissonSampled(rate: rate, event: .gaussian(noiseMultiplier: multiplier))
        return try RDPAccountant.epsilon(of: step.selfComposed(steps), delta: delta, conversion: conversion).epsilon
    }

    @Test func epsilonIsMonotone() throws {
        let rates = [1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.5, 0.999, 1]
        let multipliers = [0.3, 0.5, 0.8, 1, 1.5, 3, 10, 100]
        let steps = [1, 10, 100, 10_000]
        let deltas = [1e-3, 1e-5, 1e-8, 1e-12]
        for conversion in Conversion.allCases {
            for (less, more) in zip(rates, rates.dropFirst()) {
                #expect(try epsilon(less, 1, 1000, 1e-6, conversion) <= epsilon(more, 1, 1000, 1e-6, conversion))
            }
            for (less, more) in zip(multipliers, multipliers.dropFirst()) {
                #expect(try epsilon(0.01, less, 1000, 1e-6, conversion) >= epsilon(0.01, more, 1000, 1e-6, conversion))
            }
            for (less, more) in zip(steps, steps.dropFirst()) {
                #expect(try epsilon(0.01, 1, less, 1e-6, conversion) < epsilon(0.01, 1, more, 1e-6, conversion))
            }
            for (more, less) in zip(deltas, deltas.dropFirst()) {
                #expect(try epsilon(0.01, 1, 1000, more, conversion) < epsilon(0.01, 1, 1000, less, conversion))
            }
        }
        #expect(try epsilon(0.01, 1, 1000, 1e-6, .improved) < epsilon(0.01, 1, 1000, 1e-6, .classic))
    }

    @Test func extremesAreFiniteAndNotNegative() throws {
        for rate in [0, 1e-300, 1e-12, 1e-3, 0.5, 1 - 0x1p-53, 1] {
            for multiplier in [1e-6, 1e-3, 0.1, 1, 1e3, 1e6, 1e15] {
                for steps in [1, 10_000_000] {
                    for delta in [1e-300, 1e-12, 1e-5, 0.9] {
                        for conversion in Conversion.allCases {
                            let value = try epsilon(rate, multiplier, steps, delta, conversion)
                            #expect(value.isFinite && value >= 0)
                        }
                    }
                }
            }
        }
        #expect(try epsilon(0, 1, 100) == 0)
        #expect(try epsilon(0, 1, 100, 1e-6, .classic) == 0)
        #expect(try RDPAccountant.epsilon(of: .composed([]), delta: 1e-5).epsilon == 0)
    }

    /// The computed rounding bound stays small where it matters: the bounds of a step and of a thousand steps agree.
    @Test func roundingErrorStaysNear1e12() throws {
        let one = try RenyiCurve(.poissonSampled(rate: 1e-3, event: .gaussian(noiseMultiplier: 1)))
        var sum = RenyiCurve()
        for _ in 0..<1000 { sum.compose(one) }
        var product = RenyiCurve()
        product.compose(one, count: 1000)
        for (added, multiplied) in zip(sum.divergences, product.divergences) {
            #expect(abs(added / multiplied - 1) < 1e-12)
        }
        let nearly = try RenyiCurve(.poissonSampled(rate: 1 - 0x1p-53, event: .gaussian(noiseMultiplier: 2)))
        let full = try RenyiCurve(.gaussian(noiseMultiplier: 2))
        for (sampled, plain) in zip(nearly.divergences, full.divergences) { #expect(abs(sampled / plain - 1) < 1e-11) }
    }

    @Test func differentRoundsAddUp() throws {
        let first = PrivacyEvent.poissonSampled(rate: 0.01, event: .discreteGaussian(sigma: 6400, sensitivity: 5000))
        let second = PrivacyEvent.poissonSampled(
            rate: 0.2,
            event: .sumOfDiscreteGaussians(shares: 9, sigma: 640, sensitivity: 700)
        )
        let third = PrivacyEvent.gaussian(noiseMultiplier: 30)
        let whole = try RenyiCurve(
            .composed([
                .init(first, count: 40), .init(.composed([.init(second, count: 2), .init(third, count: 1)]), count: 3),
            ])
        )
        let (a, b, c) = try (RenyiCurve(first), RenyiCurve(second), RenyiCurve(third))
        for place in whole.divergences.indices {
            let expected = 40 * a.divergences[place] + 6 * b.divergences[place] + 3 * c.divergences[place]
            #expect(abs(whole.divergences[place] / expected - 1) < 1e-14)
            #expect(whole.divergences[place] >= expected * (1 - 1e-15))
        }
    }

    @Test func unprovedCombinationsAreRefused() {
        let gaussian = PrivacyEvent.gaussian(noiseMultiplier: 1)
        let sampled = PrivacyEvent.poissonSampled(rate: 0.1, event: gaussian)
        let refused: [PrivacyEvent] = [
            .poissonSampled(rate: 0.1, event: sampled),
            .poissonSampled(rate: 0.1, event: .composed([.init(gaussian, count: 2)])),
            .poissonSampled(rate: 0.1, event: .composed([])),
            .poissonSampled(rate: -0.1, event: gaussian),
            .poissonSampled(rate: 1.1, event: gaussian),
            .poissonSampled(rate: .nan, event: gaussian),
            .poissonSampled(rate: -0.0, event: gaussian),
            .gaussian(noiseMultiplier: 0),
            .gaussian(noiseMultiplier: -1),
            .gaussian(noiseMultiplier: .nan),
            .gaussian(noiseMultiplier: .infinity),
            .discreteGaussian(sigma: 0, sensitivity: 1),
            .discreteGaussian(sigma: 64, sensitivity: 0),
            .discreteGaussian(sigma: .nan, sensitivity: 1),
            .discreteGaussian(sigma: 64, sensitivity: .infinity),
            .sumOfDiscreteGaussians(shares: 10, sigma: 2.9, sensitivity: 1),
            .sumOfDiscreteGaussians(shares: 0, sigma: 64, sensitivity: 1),
            .sumOfDiscreteGaussians(shares: 1 << 21, sigma: 64, sensitivity: 1),
            gaussian.selfComposed(-1),
        ]
        for event in refused {
            #expect(throws: AccountingError.self) { try RDPAccountant.epsilon(of: event, delta: 1e-5) }
        }
        for delta in [0, 1, -1e-5, .nan, .infinity] {
            #expect(throws: AccountingError.self) { try RDPAccountant.epsilon(of: gaussian, delta: delta) }
        }
        var endless = PrivacyEvent.gaussian(noiseMultiplier: 1e-6)
        for _ in 0..<20 { endless = endless.selfComposed(.max) }
        #expect(throws: AccountingError.noFiniteEpsilon(event: "the composition")) {
            try RDPAccountant.epsilon(of: endless, delta: 1e-5)
        }
    }

    @Test func oneShareIsTheDiscreteGaussian() throws {
        let single = try RenyiCurve(.sumOfDiscreteGaussians(shares: 1, sigma: 64, sensitivity: 10))
        #expect(try single == RenyiCurve(.discreteGaussian(sigma: 64, sensitivity: 10)))
        #expect(
            try RenyiCurve(.discreteGaussian(sigma: 64, sensitivity: 32)) == RenyiCurve(.gaussian(noiseMultiplier: 2))
        )
    }
}
