// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Rényi divergences of one Poisson-sampled Gaussian step, at integer orders, rounded up.
///
/// A(a) = 1 + sum over l = 2...a of C(a,l) (1-q)^(a-l) q^l expm1(l(l-1)/(2 z^2)) and D_a = log A(a) / (a-1)
/// (Mironov, Talwar and Zhang 2019, arXiv 1908.10530, rearranged so that every term is positive). The same value is
/// exact for the discrete Gaussian on an integer query. The bound on the rounding error is computed beside the sum: see
/// `docs/proofs/rdp.md`, which derives every constant below.
enum SampledGaussian {
    /// Every integer from 2 to 64, then a coarser sequence to 1024.
    static let orders: [Int] =
        Array(2...64) + [72, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024]

    /// log C(a, l) for every order a and l = 0...a. C(1024, 512) = 4.5e306 still is a `Double`.
    private static let logBinomials: [[Double]] = orders.map { order in
        var row = [Double](repeating: 0, count: order + 1)
        var binomial = 1.0
        for index in 1...order / 2 {
            binomial *= Double(order - index + 1) / Double(index)
            row[index] = log(binomial)
            row[order - index] = row[index]
        }
        row[order] = 0
        return row
    }

    /// Upper bounds of D_a for all `orders`; infinite where a `Double` cannot hold it.
    /// - Parameters:
    ///   - rate: q in [0, 1].
    ///   - noiseMultiplier: z in `PrivacyEvent.noiseMultiplierRange`.
    static func divergences(rate: Double, noiseMultiplier: Double) -> [Double] {
        guard rate > 0 else { return [Double](repeating: 0, count: orders.count) }
        let unit = DirectedRounding.unit
        let half = 1 / (2 * noiseMultiplier * noiseMultiplier)
        guard rate < 1 else { return orders.map { Double($0) * half * (1 + 8 * unit) } }

        let largest = orders[orders.count - 1]
        // log expm1(l(l-1)/(2 z^2)) and the bound of its absolute error, for every l.
        var gains = [Double](repeating: 0, count: largest + 1)
        var gainErrors = gains
        for index in 2...largest {
            let exponent = Double(index * (index - 1)) * half
            gains[index] = exponent > 36 ? exponent + log1p(-exp(-exponent)) : log(expm1(exponent))
            gainErrors[index] = unit * (4 * exponent + 8 + 4 * abs(gains[index]))
        }
        let logRest = log1p(-rate)
        let logRate = log(rate)
        var exponents = [Double](repeating: 0, count: largest + 1)
        var errors = exponents
        return orders.indices.map { row in
            let order = orders[row]
            let binomials = logBinomials[row]
            var greatest = -Double.infinity
            for index in 2...order {
                let rest = Double(order - index) * logRest
                let taken = Double(index) * logRate
                exponents[index] = binomials[index] + rest + taken + gains[index]
                let magnitude = binomials[index] - rest - taken + abs(gains[index])
                errors[index] = unit * (9 * magnitude + Double(order)) + gainErrors[index]
                greatest = max(greatest, exponents[index])
            }
            var sum = 0.0
            var weightedError = 0.0
            for index in 2...order {
                let distance = greatest - exponents[index]
                let weight = exp(-distance)
                sum += weight
                weightedError += weight * (errors[index] + unit * distance)
            }
            let relativeError = 1.01 * (weightedError / sum + unit * Double(order + 8))
            let logSum = log(sum)
            let logExcess = greatest + logSum + relativeError + 8 * unit * (abs(greatest) + logSum + 1)
            let logMoment = logExcess > 0 ? logExcess + log1p(exp(-logExcess)) : log1p(exp(logExcess))
            return max(logMoment / Double(order - 1) * (1 + 20 * unit), .leastNormalMagnitude)
        }
    }
}
