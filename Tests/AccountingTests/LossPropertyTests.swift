// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import TestKit
import Testing

/// What holds for every composition, and what is refused.
@Suite struct LossPropertyTests {
    private func event(_ rate: Double, _ multiplier: Double, _ steps: Int) -> PrivacyEvent {
        PrivacyEvent.poissonSampled(rate: rate, event: .gaussian(noiseMultiplier: multiplier)).selfComposed(steps)
    }

    private func epsilon(_ rate: Double, _ multiplier: Double, _ steps: Int, _ delta: Double) throws -> Double {
        try PLDAccountant.epsilon(of: event(rate, multiplier, steps), delta: delta).epsilon
    }

    /// Each parameter in turn moves epsilon the right way; the grid may add 2e-4.
    @Test func epsilonIsMonotone() throws {
        let delta = 1e-6
        func rises(_ values: [Double]) {
            for (before, after) in zip(values, values.dropFirst()) {
                #expect(after >= before - 2e-4 * max(1, before), "\(values)")
            }
        }
        try rises([1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.5, 1].map { try epsilon($0, 1.1, 300, delta) })
        try rises([100, 10, 3, 1.5, 1, 0.7, 0.4].map { try epsilon(0.01, $0, 300, delta) })
        try rises([1, 2, 10, 100, 1000, 10_000, 100_000].map { try epsilon(0.004, 1, $0, delta) })
        try rises([0.1, 1e-3, 1e-5, 1e-9, 1e-12, 1e-20].map { try epsilon(0.01, 1, 1000, $0) })
    }

    /// The extremes of what is covered: finite, not negative, never above Renyi.
    @Test(arguments: [1e-5, 1e-3, 0.1, 0.999], [0.3, 1, 100])
    func extremesAreCovered(rate: Double, multiplier: Double) throws {
        for (steps, delta) in [(1, 1e-5), (1, 1e-12), (1000, 1e-9), (1_000_000, 1e-5)] {
            let value = try epsilon(rate, multiplier, steps, delta)
            #expect(value >= 0 && value.isFinite)
            let renyi = try RDPAccountant.epsilon(of: event(rate, multiplier, steps), delta: delta).epsilon
            #expect(value <= renyi, "\(steps) \(delta): \(value), \(renyi)")
        }
    }

    /// Nothing proves that the loss distribution is the tighter one, since its grid adds to epsilon; here it never is above,
    /// without a tolerance. A third of the rates is near 1, half of the multipliers are where epsilon is moderate.
    @Test func neverAboveRenyi() throws {
        let count = LongTests.scaled(75)
        let draws = testFloats(4 * count, seed: 20, scale: 0.5).map { Double($0) + 0.5 }
        for index in 0..<count {
            func draw(_ place: Int, _ range: ClosedRange<Double>) -> Double {
                range.lowerBound * pow(range.upperBound / range.lowerBound, draws[4 * index + place])
            }
            let steps = draw(0, 1...1e6).rounded()
            let rate = index % 3 == 0 ? 1 - draw(1, 1e-9...0.5) : draw(1, 1e-6...0.9)
            let multiplier =
                index % 2 == 0
                ? draw(2, 0.2...300) : min(max(rate * steps.squareRoot() * draw(2, 0.2...200), 0.15), 900)
            let delta = draw(3, 1e-29...0.3)
            let value = try epsilon(rate, multiplier, Int(steps), delta)
            let renyi = try RDPAccountant.epsilon(of: event(rate, multiplier, Int(steps)), delta: delta).epsilon
            #expect(value <= renyi, "\(rate) \(multiplier) \(steps) \(delta): \(value), \(renyi)")
        }
    }

    /// delta(epsilon(delta)) is delta, up to the grid, and both directions of the search agree.
    @Test(arguments: [(0.01, 1.0, 1000), (0.3, 5, 200), (1e-4, 0.5, 50_000), (1, 3, 10)])
    func deltaInvertsEpsilon(rate: Double, multiplier: Double, steps: Int) throws {
        for delta in [1e-4, 1e-8, 1e-14] {
            let value = try epsilon(rate, multiplier, steps, delta)
            let back = try PLDAccountant.delta(of: event(rate, multiplier, steps), epsilon: value)
            #expect(back <= delta * 1.01 && back >= delta * 0.98, "\(delta) \(value) \(back)")
        }
    }

    /// The exact law of two steps, by quadrature of the exact one-step delta over the loss of the other step.
    @Test func twoStepsByQuadrature() throws {
        let (rate, multiplier) = (0.2, 0.8)
        for epsilon in [0.2, 1.0, 2.5] {
            // delta_2(e) = E over x of P of delta_1(e - L(x)).
            var exact = 0.0
            let spacing = 1e-4
            for index in -80_000...100_000 {
                let x = Double(index) * spacing
                let density =
                    ((1 - rate) * gaussian(x, 0, multiplier) + rate * gaussian(x, 1, multiplier)) * spacing
                let loss = log1p(rate * expm1((x - 0.5) / (multiplier * multiplier)))
                let rest = OneStepDelta.sampledGaussian(
                    rate: rate,
                    noiseMultiplier: multiplier,
                    epsilon: epsilon - loss
                )
                exact += density * rest.remove
            }
            let value = try PLDAccountant.delta(of: event(rate, multiplier, 2), epsilon: epsilon)
            #expect(value >= exact * (1 - 1e-9) && value <= exact * 1.001, "\(epsilon) \(value) \(exact)")
        }
    }

    private func gaussian(_ x: Double, _ mean: Double, _ deviation: Double) -> Double {
        let distance = (x - mean) / deviation
        return exp(-0.5 * distance * distance) / (deviation * (2 * Double.pi).squareRoot())
    }

    @Test func equalStepsMayBeToldInAnyWay() throws {
        let step = PrivacyEvent.poissonSampled(rate: 0.02, event: .gaussian(noiseMultiplier: 1.2))
        let whole = try PLDAccountant.epsilon(of: step.selfComposed(300), delta: 1e-6)
        let split = PrivacyEvent.composed([
            PrivacyEvent.Repeated(step.selfComposed(100), count: 2), PrivacyEvent.Repeated(step, count: 100),
            PrivacyEvent.Repeated(.poissonSampled(rate: 0, event: .gaussian(noiseMultiplier: 1)), count: 9),
        ])
        #expect(try PLDAccountant.epsilon(of: split, delta: 1e-6).epsilon == whole.epsilon)
        #expect(try PLDAccountant.epsilon(of: .composed([]), delta: 1e-6).epsilon == 0)
    }

    @Test func whatIsNotCoveredIsRefused() {
        for (rate, multiplier, steps) in [(1e-7, 1.0, 10), (0.1, 0.05, 10), (0.1, 2000, 10), (0.1, 1, 20_000_000)] {
            #expect(throws: AccountingError.self) { try epsilon(rate, multiplier, steps, 1e-5) }
        }
        for delta in [0, 1, 1e-40, -1, .nan, 2] {
            #expect(throws: AccountingError.self) { try epsilon(0.1, 1, 10, delta) }
        }
        for rate in [-0.1, 1.1, .nan, .infinity] {
            #expect(throws: AccountingError.self) { try epsilon(rate, 1, 10, 1e-5) }
        }
        for multiplier in [0, -1, .nan, .infinity] {
            #expect(throws: AccountingError.self) { try epsilon(0.1, multiplier, 10, 1e-5) }
        }
        let skellam = PrivacyEvent.skellam(variance: 100, l1: 4, l2: 2)
        #expect(throws: AccountingError.self) { try PLDAccountant.epsilon(of: skellam, delta: 1e-5) }
        let narrow = PrivacyEvent.discreteGaussian(sigma: 3, sensitivity: 1)
        #expect(throws: AccountingError.self) { try PLDAccountant.epsilon(of: narrow, delta: 1e-5) }
        let twice = PrivacyEvent.poissonSampled(rate: 0.5, event: event(0.5, 1, 1))
        #expect(throws: AccountingError.self) { try PLDAccountant.epsilon(of: twice, delta: 1e-5) }
    }
}
