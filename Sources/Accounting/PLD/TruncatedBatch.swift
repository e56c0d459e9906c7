// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How often a Poisson batch is cut at its capacity (Chua et al. 2024, arXiv 2411.04205; Ganesh 2025, arXiv 2508.15089;
/// `docs/proofs/pld.md`, 2.5).
struct TruncatedBatch {
    /// P[Bin(n-1, q) >= B]: that a batch is cut when the record in question was drawn; rounded up, 0 where B >= n.
    let probability: Double
    /// P[Bin(n-1, q) < B], rounded up.
    let complement: Double
    /// The rate at which the record takes part where batches are cut, rounded up: P[Bin(n, q) > B] B / (n `probability`).
    let keptRate: Double

    /// The most records for which the sums' rounding is bounded.
    static let largestPopulation = 1 << 32

    init(rate: Double, population: Int, capacity: Int) throws(AccountingError) {
        guard population >= 1, population <= Self.largestPopulation else {
            throw .invalid("population", population, "1...2^32")
        }
        guard capacity >= 1 else { throw .invalid("capacity of a batch", capacity, "at least 1") }
        guard capacity < population, rate > 0 else {
            (probability, complement, keptRate) = (0, 1, 0)
            return
        }
        let cut = BinomialTails(trials: population - 1, rate: rate, at: capacity)
        (probability, complement) = (cut.upper, cut.lower)
        let over = BinomialTails(trials: population, rate: rate, at: capacity + 1).upper
        // `probability` is above the exact one by a relative 2e-8 at most, unless it is too small to be a sum.
        let share = Double(capacity) / Double(population)
        keptRate = probability > BinomialTails.smallest ? min(1, over / probability * share * (1 + 1e-7)) : 1
    }
}

/// P[X >= k] and P[X < k] of X ~ Bin(n, q), both rounded up.
struct BinomialTails {
    let upper: Double
    let lower: Double

    /// A tail that is smaller is told as this.
    static let smallest = 1e-280
    /// What the rounding of a sum may be, relative to it, for n up to 2^32.
    private static let widening = 1 + 1e-8

    /// - Parameters:
    ///   - n: 0...2^32.
    ///   - q: in (0, 1].
    ///   - k: any.
    init(trials n: Int, rate q: Double, at k: Int) {
        guard k > 0 else {
            (upper, lower) = (1, 0)
            return
        }
        guard k <= n else {
            (upper, lower) = (0, 1)
            return
        }
        guard q < 1 else {
            (upper, lower) = (1, 0)
            return
        }
        // The tail away from the mode is summed, in which terms fall; the other one is what is left.
        if Double(k) > Double(n + 1) * q {
            let sum = Self.sum(n, q, from: k, by: 1)
            (upper, lower) = (min(1, sum * Self.widening), min(1, (1 - sum / Self.widening).nextUp))
        } else {
            let sum = Self.sum(n, q, from: k - 1, by: -1)
            (upper, lower) = (min(1, (1 - sum / Self.widening).nextUp), min(1, sum * Self.widening))
        }
    }

    /// The sum of the masses from `start` on, away from the mode; `smallest` where the first is far below what adds up.
    private static func sum(_ n: Int, _ q: Double, from start: Int, by direction: Int) -> Double {
        let odds = q / (1 - q)
        var term = exp(logMass(trials: n, rate: q, at: start))
        // At most 2^32 terms of at most 1e-290.
        guard term > 1e-290 else { return smallest }
        var sum = 0.0
        var place = start
        while true {
            sum += term
            // The next mass over this one.
            let ratio =
                direction > 0
                ? Double(n - place) / Double(place + 1) * odds : Double(place) / (Double(n - place + 1) * odds)
            guard ratio > 0 else { break }
            // What is left is below a geometric series.
            if ratio < 1, term * ratio <= 1e-12 * sum * (1 - ratio) { break }
            term *= ratio
            place += direction
        }
        return max(sum, smallest)
    }

    /// log P[Bin(n, q) = k] by Loader's saddle-point form (2000), whose terms do not cancel.
    private static func logMass(trials n: Int, rate q: Double, at k: Int) -> Double {
        guard k > 0 else { return Double(n) * log1p(-q) }
        guard k < n else { return Double(n) * log(q) }
        let (size, hits, misses) = (Double(n), Double(k), Double(n - k))
        let shape = stirlingError(size) - stirlingError(hits) - stirlingError(misses)
        let distance = deviance(hits, size * q) + deviance(misses, size * (1 - q))
        return shape - distance + 0.5 * log(size / (2 * Double.pi * hits * misses))
    }

    /// log n! less Stirling's formula.
    private static func stirlingError(_ n: Double) -> Double {
        guard n > 15 else { return lgamma(n + 1) - (n + 0.5) * log(n) + n - 0.5 * log(2 * Double.pi) }
        let square = n * n
        return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / square) / square) / square) / square)
            / n
    }

    /// x log(x/m) + m - x.
    private static func deviance(_ x: Double, _ m: Double) -> Double {
        let v = (x - m) / (x + m)
        guard abs(v) < 0.1 else { return x * log(x / m) + m - x }
        // 2 x artanh(v) = x log(x/m), as a series.
        var sum = (x - m) * v
        var power = 2 * x * v
        for index in 1...30 {
            power *= v * v
            let next = sum + power / Double(2 * index + 1)
            if next == sum { break }
            sum = next
        }
        return sum
    }
}
