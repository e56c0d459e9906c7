// SPDX-License-Identifier: Apache-2.0

import Accounting
import TestKit
import Testing

@Suite struct CalibrationTests {
    private struct Row: Decodable {
        let target_eps: Double
        let delta: Double
        let q: Double
        let steps: Int
        let sigma_rdp_integer_orders: Double
    }

    private func epsilon(_ rate: Double, _ multiplier: Double, _ steps: Int, _ delta: Double) throws -> Double {
        let step = PrivacyEvent.poissonSampled(rate: rate, event: .gaussian(noiseMultiplier: multiplier))
        return try RDPAccountant.epsilon(of: step.selfComposed(steps), delta: delta).epsilon
    }

    @Test func noiseMultipliersAgreeAndNeverExceedTheTarget() throws {
        for row in try fixture("accounting/calibration.json", as: [Row].self) {
            let multiplier = try RDPAccountant.noiseMultiplier(
                forEpsilon: row.target_eps,
                delta: row.delta,
                samplingRate: row.q,
                steps: row.steps
            )
            #expect(abs(multiplier / row.sigma_rdp_integer_orders - 1) < 1e-6)
            #expect(try epsilon(row.q, multiplier, row.steps, row.delta) <= row.target_eps)
            #expect(try epsilon(row.q, multiplier * (1 - 1e-6), row.steps, row.delta) > row.target_eps)
        }
    }

    @Test func whatIsReleasedBesideIsPartOfTheTarget() throws {
        let other = PrivacyEvent.composed([.init(.gaussian(noiseMultiplier: 5), count: 6)])
        func noise(_ target: Double, _ other: PrivacyEvent?) throws -> Double {
            try RDPAccountant.noiseMultiplier(
                forEpsilon: target,
                delta: 1e-5,
                samplingRate: 0.1,
                steps: 60,
                beside: other
            )
        }
        func whole(_ multiplier: Double) throws -> Double {
            let step = PrivacyEvent.poissonSampled(rate: 0.1, event: .gaussian(noiseMultiplier: multiplier))
            return try RDPAccountant.epsilon(
                of: .composed([.init(step, count: 60), .init(.gaussian(noiseMultiplier: 5), count: 6)]),
                delta: 1e-5
            ).epsilon
        }
        for target in [2.5, 4.0, 8.0] {
            let multiplier = try noise(target, other)
            #expect(try whole(multiplier) <= target)
            #expect(try whole(multiplier * (1 - 2e-6)) > target)
            #expect(try multiplier > noise(target, nil))
            #expect(try noise(target, nil) == noise(target, .composed([])))
        }
        // The other release alone takes more than that.
        #expect(throws: AccountingError.self) { try noise(1, other) }
    }

    @Test func opacusSettingNeedsThePublishedNoise() throws {
        // Opacus' own answer, 1.416, is at its fractional orders and a tolerance of 0.01.
        let multiplier = try RDPAccountant.noiseMultiplier(forEpsilon: 8, delta: 1e-5, samplingRate: 0.04, steps: 2250)
        #expect(abs(multiplier - 1.416) < 5e-3)
    }

    @Test(
        arguments: [
            (0.0, 1e-5, 0.1, 10), (-1, 1e-5, 0.1, 10), (.nan, 1e-5, 0.1, 10), (.infinity, 1e-5, 0.1, 10),
            (1, 0, 0.1, 10), (1, 1, 0.1, 10), (1, .nan, 0.1, 10),
            (1, 1e-5, 0, 10), (1, 1e-5, 1.5, 10), (1, 1e-5, 0.1, 0),
            (1e-3, 1e-20, 0.1, 10),
            (1e30, 1e-5, 0.1, 10),
        ] as [(Double, Double, Double, Int)]
    )
    func impossibleRequestsAreRefused(target: Double, delta: Double, rate: Double, steps: Int) {
        #expect(throws: AccountingError.self) {
            try RDPAccountant.noiseMultiplier(forEpsilon: target, delta: delta, samplingRate: rate, steps: steps)
        }
    }

    @Test func maximumStepsAreMaximal() throws {
        let step = PrivacyEvent.poissonSampled(rate: 0.01, event: .gaussian(noiseMultiplier: 1.1))
        for target in [0.9, 2.0, 8.0] {
            let steps = try RDPAccountant.maximumSteps(of: step, epsilon: target, delta: 1e-5)
            #expect(try RDPAccountant.epsilon(of: step.selfComposed(steps), delta: 1e-5).epsilon <= target)
            #expect(try RDPAccountant.epsilon(of: step.selfComposed(steps + 1), delta: 1e-5).epsilon > target)
        }
        #expect(try RDPAccountant.maximumSteps(of: .gaussian(noiseMultiplier: 0.1), epsilon: 1, delta: 1e-5) == 0)
        #expect(throws: AccountingError.self) {
            try RDPAccountant.maximumSteps(of: .composed([]), epsilon: 1, delta: 1e-5)
        }
    }
}
