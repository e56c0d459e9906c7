// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How often a Poisson batch is cut at its capacity (Chua et al. 2024, arXiv 2411.04205; Ganesh 2025, arXiv 2508.15089;
/// `docs/proofs/pld.md`, 2.5).
struct TruncatedBatch {
    /// P[Bin(n-1, q) >= B]: that a batch is cut when the record in question was drawn; rounded up.
    let probability: Double
    /// The rate at which the record takes part where batches are cut, rounded up: P[Bin(n, q) > B] B / (n `probability`).
    let keptRate: Double

    init(rate: Double, population: Int, capacity: Int) throws(AccountingError) {
        guard population >= 1, population <= 1 << 40 else { throw .invalid("population", population, "1...2^40") }
        guard capacity >= 1 else { throw .invalid("capacity of a batch", capacity, "at least 1") }
        guard capacity < population else {
            (probability, keptRate) = (0, 0)
            return
        }
        probability = Self.upperTail(trials: population - 1, rate: rate, from: capacity)
        guard probability > 1e-300 else {
            // Not representable in the steps below, and counted as if each such batch revealed the record.
            keptRate = 1
            return
        }
        let over = Self.upperTail(trials: population, rate: rate, from: capacity + 1)
        keptRate = min(1, over / probability * (Double(capacity) / Double(population)) * (1 + 1e-9))
    }

    /// P[Bin(n, q) >= k], within a relative 1e-10 above.
    static func upperTail(trials n: Int, rate q: Double, from k: Int) -> Double {
        guard k > 0 else { return 1 }
        guard k <= n, q > 0 else { return 0 }
        guard q < 1 else { return 1 }
        let odds = q / (1 - q)
        var term = exp(logMass(trials: n, rate: q, at: k))
        var sum = 0.0
        for index in k...n {
            sum += term
            let ratio = Double(n - index) / Double(index + 1) * odds
            // Beyond the mode the rest is below a geometric series.
            if ratio < 1, term * ratio <= 1e-12 * sum * (1 - ratio) { break }
            term *= ratio
        }
        return min(1, sum * (1 + 1e-10))
    }

    /// log P[Bin(n, q) = k] by Loader's saddle-point form (2000), whose terms do not cancel.
    private static func logMass(trials n: Int, rate q: Double, at k: Int) -> Double {
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
