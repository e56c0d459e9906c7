// SPDX-License-Identifier: Apache-2.0

import Accounting
import TestKit
import Testing

/// High-precision and dp-accounting values: `Tests/Fixtures/accounting/README.md`.
@Suite struct RenyiGoldenTests {
    private struct OneStep: Decodable {
        let q: String
        let sigma: String
        let alpha: Int
        let rdp: String
    }

    private struct ConversionRow: Decodable {
        let alpha: Int
        let rdp: String
        let delta: String
        let eps_cks_balle: String
        let eps_mironov: String
    }

    private struct Composition: Decodable {
        let q: Double
        let sigma: Double
        let steps: Int
        let delta: Double
        let rdp_eps_integer_orders: Double
        let rdp_opt_integer_order: Int
    }

    private struct ZCDP: Decodable {
        let noise_multiplier: String
        let steps: Int
        let delta: String
        let eps_cks_prop12: String
    }

    private struct SharedNoise: Decodable {
        let shares: Int
        let sigma: Double
        let sensitivity: String
        let q: Double
        let steps: Int
        let delta: String
        let noise_multiplier: Double
        let eps: Double
    }

    @Test func ordersAreThoseOfTheGoldenFiles() {
        #expect(
            RDPAccountant.orders == Array(2...64)
                + [72, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024]
        )
    }

    @Test func oneStepIsAboveTheExactValueByLessThan1e12Relative() throws {
        let rows = try fixture("accounting/rdp_one_step.json", as: [OneStep].self)
        #expect(rows.count == 96)
        for row in rows {
            let (rate, multiplier) = try (#require(Double(row.q)), #require(Double(row.sigma)))
            let curve = try RenyiCurve(.poissonSampled(rate: rate, event: .gaussian(noiseMultiplier: multiplier)))
            let place = try #require(RDPAccountant.orders.firstIndex(of: row.alpha))
            let exact = try #require(Double(row.rdp))
            let excess = curve.divergences[place] / exact - 1
            #expect(excess >= 0 && excess < 1e-12, "q \(row.q) sigma \(row.sigma) order \(row.alpha): \(excess)")
        }
    }

    @Test func conversionsAgree() throws {
        for row in try fixture("accounting/rdp_conversion.json", as: [ConversionRow].self) {
            let divergence = try #require(Double(row.rdp))
            let delta = try #require(Double(row.delta))
            for (conversion, text) in [(Conversion.improved, row.eps_cks_balle), (.classic, row.eps_mironov)] {
                let exact = try #require(Double(text))
                let value = conversion.epsilon(divergence: divergence, order: Double(row.alpha), delta: delta)
                #expect(value >= exact.nextDown && value <= exact * (1 + 1e-13))
            }
        }
    }

    @Test func compositionsAgree() throws {
        let rows = try fixture("accounting/poisson_gaussian_eps.json", as: [Composition].self)
        #expect(rows.count == 66)
        for row in rows {
            let event = PrivacyEvent.poissonSampled(rate: row.q, event: .gaussian(noiseMultiplier: row.sigma))
                .selfComposed(row.steps)
            let accounted = try RDPAccountant.epsilon(of: event, delta: row.delta)
            #expect(abs(accounted.epsilon / row.rdp_eps_integer_orders - 1) < 1e-9)
            #expect(accounted.order == Double(row.rdp_opt_integer_order))
        }
    }

    @Test func integerOrdersCostLittleOverRealOrders() throws {
        for row in try fixture("accounting/zcdp.json", as: [ZCDP].self) {
            let (multiplier, delta) = try (#require(Double(row.noise_multiplier)), #require(Double(row.delta)))
            let exact = try #require(Double(row.eps_cks_prop12))
            let event = PrivacyEvent.gaussian(noiseMultiplier: multiplier).selfComposed(row.steps)
            let epsilon = try RDPAccountant.epsilon(of: event, delta: delta).epsilon
            #expect(epsilon >= exact * (1 - 1e-15))
            // Where the best real order is below 2, integers cannot follow.
            if exact < 10 {
                #expect(epsilon <= exact * 1.02, "z \(multiplier), \(row.steps) steps: \(epsilon), \(exact)")
            }
        }
    }

    @Test func sharedNoiseAgrees() throws {
        for row in try fixture("accounting/shared_noise.json", as: [SharedNoise].self) {
            let (sensitivity, delta) = try (#require(Double(row.sensitivity)), #require(Double(row.delta)))
            let step = PrivacyEvent.sumOfDiscreteGaussians(
                shares: row.shares,
                sigma: row.sigma,
                sensitivity: sensitivity
            )
            let shared = try RenyiCurve(.poissonSampled(rate: row.q, event: step))
            // At integer orders the sum is as good as a Gaussian of its variance; the fixture's is 9 less.
            let multiplier = Double(row.shares).squareRoot() * row.sigma / sensitivity
            #expect(multiplier > row.noise_multiplier)
            let plain = try RenyiCurve(.poissonSampled(rate: row.q, event: .gaussian(noiseMultiplier: multiplier)))
            for (value, expected) in zip(shared.divergences, plain.divergences) {
                #expect(abs(value / expected - 1) < 1e-11)
            }
            let event = PrivacyEvent.poissonSampled(rate: row.q, event: step).selfComposed(row.steps)
            let epsilon = try RDPAccountant.epsilon(of: event, delta: delta).epsilon
            #expect(epsilon > row.eps * 0.999 && epsilon < row.eps * (1 + 1e-9))
        }
    }

    /// Published settings: Opacus' and TensorFlow Privacy's tests, Tramer and Boneh's tables (arXiv 2011.11660; steps
    /// are epochs times the whole batches of an epoch), Opacus' MNIST example.
    @Test(
        arguments: [
            // noise multiplier, rate, steps, delta, improved, classic, decimals
            (1.5, 0.04, 2250, 1e-5, 7.3299, nil, 5e-5),
            (1.23, 512.0 / 60_000, 40 * 117, 1e-5, 2.579, 2.994, 5e-4),
            (2.15, 2048.0 / 60_000, 40 * 29, 1e-5, 2.592, 3.003, 1e-3),
            (1.3, 150.0 / 60_000, 15 * 400, 1e-5, 0.7242234026, nil, 1e-9),
            (1.0, 100.0 / 100_000, 30 * 1000, 1e-7, 1.4154988495, nil, 1e-9),
            (1.1, 240.0 / 60_000, 60 * 250, 1e-5, 2.506, 2.905, 5e-4),
            (1.3, 240.0 / 60_000, 15 * 250, 1e-5, 0.922, 1.160, 5e-4),
            (0.7, 240.0 / 60_000, 45 * 250, 1e-5, 6.113, 6.863, 5e-4),
        ] as [(Double, Double, Int, Double, Double?, Double?, Double)]
    )
    func publishedRuns(
        multiplier: Double,
        rate: Double,
        steps: Int,
        delta: Double,
        improved: Double?,
        classic: Double?,
        tolerance: Double
    ) throws {
        let event = PrivacyEvent.poissonSampled(rate: rate, event: .gaussian(noiseMultiplier: multiplier))
            .selfComposed(steps)
        for (conversion, expected) in [(Conversion.improved, improved), (.classic, classic)] {
            guard let expected else { continue }
            let value = try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion)
            #expect(abs(value.epsilon - expected) <= tolerance, "\(conversion) \(value)")
        }
    }

    /// dp-accounting's loss distribution of the scalar discrete Gaussian is exact but for its grid, so Renyi epsilon is
    /// above.
    @Test(arguments: [
        // sigma, sensitivity, rate, steps, delta, epsilon
        (8.0, 8.0, 1.0, 10, 1e-6, 19.424995068792235),
        (8.0, 8.0, 0.01, 1000, 1e-6, 2.1245225180004272),
        (20.0, 16.0, 0.01, 1000, 1e-5, 1.2131261527572688),
        (5.0, 4.0, 0.1, 100, 1e-5, 4.735418048617074),
        (50.0, 64.0, 0.005, 2000, 1e-6, 2.6929926421490835),
    ])
    func discreteGaussianIsAboveTheLossDistribution(
        sigma: Double,
        sensitivity: Double,
        rate: Double,
        steps: Int,
        delta: Double,
        exact: Double
    ) throws {
        let step = PrivacyEvent.discreteGaussian(sigma: sigma, sensitivity: sensitivity)
        let event = PrivacyEvent.poissonSampled(rate: rate, event: step).selfComposed(steps)
        let epsilon = try RDPAccountant.epsilon(of: event, delta: delta).epsilon
        #expect(epsilon > exact && epsilon < 1.5 * exact)
    }
}
