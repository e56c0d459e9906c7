// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import Testing

/// Second ways to the same numbers, from the definition of the divergence.
@Suite struct IndependentRenyiTests {
    private func accounted(_ event: PrivacyEvent, rate: Double, order: Int) throws -> Double {
        let curve = try RenyiCurve(.poissonSampled(rate: rate, event: event))
        return curve.divergences[try #require(RDPAccountant.orders.firstIndex(of: order))]
    }

    /// log of the sum of e^x.
    private func logSum(_ terms: [Double]) -> Double {
        let greatest = terms.max() ?? -.infinity
        return greatest + log(terms.reduce(0) { $0 + exp($1 - greatest) })
    }

    /// D_order(left || right) of two laws on a grid, given their log weights.
    private func divergence(_ left: [Double], _ right: [Double], order: Int) -> Double {
        let alpha = Double(order)
        return logSum(zip(left, right).map { alpha * $0 + (1 - alpha) * $1 }) / (alpha - 1)
    }

    private func mixture(_ shifted: [Double], _ plain: [Double], rate: Double) -> [Double] {
        zip(shifted, plain).map { logSum([log1p(-rate) + $1, log(rate) + $0]) }
    }

    @Test(arguments: [
        (0.1, 1.0, 2), (0.1, 1.0, 16), (0.5, 2.0, 8), (0.02, 0.8, 5), (0.02, 0.8, 32), (0.3, 4.0, 64), (0.9, 0.7, 3),
        (0.2, 5.0, 128),
    ])
    func sampledGaussianByQuadrature(rate: Double, multiplier: Double, order: Int) throws {
        // The trapezoid rule on the whole line converges faster than any power of the step for these integrands; they
        // are negligible beyond 40 standard deviations of either end of the tilted range.
        let step = multiplier / 64
        let low = -40 * multiplier
        let count = Int((Double(order) + 80 * multiplier) / step)
        let normaliser = log(step / (multiplier * (2 * Double.pi).squareRoot()))
        let points = (0...count).map { low + step * Double($0) }
        func density(_ centre: Double) -> [Double] {
            points.map { normaliser - ($0 - centre) * ($0 - centre) / (2 * multiplier * multiplier) }
        }
        let plain = density(0)
        let mixed = mixture(density(1), plain, rate: rate)
        let value = try accounted(.gaussian(noiseMultiplier: multiplier), rate: rate, order: order)
        #expect(abs(value / divergence(mixed, plain, order: order) - 1) < 1e-9)
        #expect(divergence(plain, mixed, order: order) <= value * (1 + 1e-12))
    }

    private func logMasses(sigma: Double, centre: Int, range: ClosedRange<Int>) -> [Double] {
        let weights = range.map { -Double(($0 - centre) * ($0 - centre)) / (2 * sigma * sigma) }
        let total = logSum(weights)
        return weights.map { $0 - total }
    }

    /// The closed form of the continuous Gaussian is exact for the discrete one at integer orders, and bounds the
    /// reverse direction.
    @Test(arguments: [1, 3], [0.05, 0.3, 1.0])
    func sampledDiscreteGaussianBySummation(shift: Int, rate: Double) throws {
        let range = -400...600
        let plain = logMasses(sigma: 2, centre: 0, range: range)
        let shifted = logMasses(sigma: 2, centre: shift, range: range)
        let mixed = rate == 1 ? shifted : mixture(shifted, plain, rate: rate)
        for order in [2, 3, 7, 16, 64] {
            let event = PrivacyEvent.discreteGaussian(sigma: 2, sensitivity: Double(shift))
            let value = try accounted(event, rate: rate, order: order)
            #expect(abs(value / divergence(mixed, plain, order: order) - 1) < 1e-10)
            #expect(divergence(plain, mixed, order: order) <= value * (1 + 1e-12))
        }
    }

    /// The exact divergence of a sum of four, by convolution: at integer orders it is that of a Gaussian, but for the slack.
    @Test func sumsOfDiscreteGaussiansAreAsGoodAsGaussians() throws {
        let shares = 4
        let range = -150...150
        let single = logMasses(sigma: 3, centre: 0, range: range).map(exp)
        var sum: [Double] = [1]
        for _ in 0..<shares {
            var next = [Double](repeating: 0, count: sum.count + single.count - 1)
            for (place, mass) in sum.enumerated() {
                for (offset, other) in single.enumerated() { next[place + offset] += mass * other }
            }
            sum = next
        }
        let centre = (sum.count - 1) / 2
        let support = -50...60
        for shift in [1, 5] {
            let plain = support.map { log(sum[centre + $0]) }
            let shifted = support.map { log(sum[centre + $0 - shift]) }
            for rate in [0.1, 0.6] {
                let mixed = mixture(shifted, plain, rate: rate)
                for order in [2, 3, 4] {
                    let value = try accounted(
                        .sumOfDiscreteGaussians(shares: shares, sigma: 3, sensitivity: Double(shift)),
                        rate: rate,
                        order: order
                    )
                    let exact = divergence(mixed, plain, order: order)
                    #expect(abs(value / exact - 1) < 1e-10)
                }
            }
        }
    }
}
