// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Rényi divergences of Skellam noise on an integer query, at integer orders, rounded up
/// (Agarwal, Kairouz and Liu 2021, arXiv 2110.04995, Theorem 3.5; `docs/proofs/skellam-accounting.md`):
///
/// D_a <= a D2^2 / (2 mu) + min(((2a - 1) D2^2 + 6 D1) / (4 mu^2), 3 D1 / (2 mu)).
struct SkellamRenyi {
    private let variance: Double
    private let l1: Double
    private let l2: Double

    init(variance: Double, l1: Double, l2: Double) throws(AccountingError) {
        guard variance > 0, variance <= 0x1p120 else {
            throw .invalid("variance", variance, "a number in (0, 2^120] square grid units")
        }
        guard l2 > 0, l2 <= 0x1p63 else { throw .invalid("L2 sensitivity", l2, "a number in (0, 2^63] grid units") }
        guard l1 >= l2, l1 <= 0x1p103 else {
            throw .invalid("L1 sensitivity", l1, "a number between the L2 sensitivity and 2^103 grid units")
        }
        self.variance = variance
        self.l1 = l1
        self.l2 = l2
    }

    /// D_a, rounded up: all terms are positive, so 16 units cover the dozen operations.
    private func divergence(order: Double) -> Double {
        let gaussian = order * l2 * l2 / (2 * variance)
        let quadratic = ((2 * order - 1) * l2 * l2 + 6 * l1) / (4 * variance * variance)
        return (gaussian + min(quadratic, 3 * l1 / (2 * variance))) * (1 + 16 * DirectedRounding.unit)
    }

    /// D_a at all `SampledGaussian.orders`.
    var divergences: [Double] { SampledGaussian.orders.map { divergence(order: Double($0)) } }

    /// D_a of one Poisson-sampled step (Zhu and Wang 2019, Theorem 5, whose factor 3 needs nothing of the mechanism):
    ///
    /// e^((a-1) D) <= (1-q)^(a-1) (a q - q + 1) + C(a,2) q^2 (1-q)^(a-2) e^(D_2)
    /// + 3 sum over l = 3...a of C(a,l) (1-q)^(a-l) q^l e^((l-1) D_l); and never more than without sampling.
    func divergences(rate: Double) -> [Double] {
        let unsampled = divergences
        guard rate > 0 else { return unsampled.map { _ in 0 } }
        guard rate < 1 else { return unsampled }
        let unit = DirectedRounding.unit
        let largest = SampledGaussian.orders.last ?? 2
        let gains = (0...largest).map { $0 < 2 ? 0 : Double($0 - 1) * divergence(order: Double($0)) }
        let (logRest, logRate) = (log1p(-rate), log(rate))
        return SampledGaussian.orders.indices.map { row in
            let order = SampledGaussian.orders[row]
            let alpha = Double(order)
            // The first terms less 1, which is what the others are added to; not positive.
            let base = expm1((alpha - 1) * logRest + log1p((alpha - 1) * rate))
            var logBinomial = log(alpha * (alpha - 1) / 2)
            var exponents: [Double] = []
            var magnitude = 0.0
            for index in 2...order {
                if index > 2 { logBinomial += log(Double(order - index + 1) / Double(index)) }
                let (rest, taken) = (Double(order - index) * logRest, Double(index) * logRate)
                exponents.append(logBinomial + rest + taken + gains[index] + (index > 2 ? log(3) : 0))
                magnitude = max(magnitude, abs(logBinomial) - rest - taken + gains[index])
            }
            let greatest = exponents.max() ?? 0
            guard greatest < 700 else {
                let sum = exponents.reduce(0) { $0 + exp($1 - greatest) }
                let logMoment = greatest + log(sum) + log1p(exp(-greatest)) + unit * (16 * magnitude + 16 * alpha + 64)
                return min(unsampled[row], (logMoment / (alpha - 1)).nextUp)
            }
            let relativeError = unit * (16 * magnitude + 16 * alpha + 64)
            let sum = exponents.reduce(0) { $0 + exp($1) } * (1 + relativeError)
            let excess = base + 16 * unit * (alpha * rate + abs(base)) + sum
            return max(0, min(unsampled[row], (log1p(max(0, excess)) / (alpha - 1) * (1 + 8 * unit)).nextUp))
        }
    }
}
