// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Critical values for statistical tests, exact to what `Double` and the C library's `erfc` and `lgamma` give.
///
/// Tests use fixed seeds, so they cannot fail now and then; the rate says how likely a right implementation would have
/// been called wrong when the seed was chosen, or with a fresh stream in every run.
package enum Statistics {
    /// The false-alarm rate of every statistical test of this project.
    package static let falseAlarmRate = 1e-6

    /// The z with P[N(0, 1) > z] = `tail`, for a tail in 1e-300 ..< 1.
    package static func normalQuantile(upperTail tail: Double) -> Double {
        bisect(from: -40, to: 40) { 0.5 * erfc($0 / 2.0.squareRoot()) > tail }
    }

    /// P[χ² > `statistic`] with `degrees` degrees of freedom.
    package static func chiSquareUpperTail(_ statistic: Double, degrees: Int) -> Double {
        upperGamma(Double(degrees) / 2, statistic / 2)
    }

    /// The value that χ² with `degrees` degrees of freedom exceeds with probability `tail`.
    package static func chiSquareQuantile(degrees: Int, upperTail tail: Double = falseAlarmRate) -> Double {
        let mean = Double(degrees)
        return bisect(from: 0, to: 10 * mean + 2000) { chiSquareUpperTail($0, degrees: degrees) > tail }
    }

    /// What the largest distance between an empirical distribution function of `count` samples and the true one exceeds
    /// with probability at most `tail` (Dvoretzky–Kiefer–Wolfowitz with Massart's constant; holds for every count).
    package static func kolmogorovSmirnovBound(count: Int, tail: Double = falseAlarmRate) -> Double {
        (log(2 / tail) / (2 * Double(count))).squareRoot()
    }

    /// The regularised upper incomplete gamma function Q(a, x): a series below a + 1, Lentz's continued fraction above.
    private static func upperGamma(_ shape: Double, _ x: Double) -> Double {
        guard x > 0 else { return 1 }
        let scale = exp(shape * log(x) - x - lgamma(shape).0)
        if x < shape + 1 {
            var term = 1 / shape
            var sum = term
            var index = shape
            while term > sum * 1e-17 {
                index += 1
                term *= x / index
                sum += term
            }
            return 1 - sum * scale
        }
        var b = x + 1 - shape
        var c = 1e300
        var d = 1 / b
        var fraction = d
        for index in 1...100_000 {
            let a = -Double(index) * (Double(index) - shape)
            b += 2
            d = 1 / (a * d + b)
            c = b + a / c
            fraction *= c * d
            if abs(c * d - 1) < 1e-16 { break }
        }
        return scale * fraction
    }

    /// Where a decreasing condition turns false.
    private static func bisect(from low: Double, to high: Double, _ holds: (Double) -> Bool) -> Double {
        var (low, high) = (low, high)
        for _ in 0..<200 {
            let middle = (low + high) / 2
            if holds(middle) { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }
}

/// Pearson's χ² test of counts.
package struct ChiSquareTest: Sendable {
    package let statistic: Double
    package let degrees: Int

    /// Counts against the probabilities of a fully known law. Neighbouring bins are joined until each expects at least ten.
    package init(counts: [Int], probabilities: [Double]) {
        precondition(counts.count == probabilities.count, "one probability a bin")
        let total = Double(counts.reduce(0, +))
        var bins: [(observed: Double, expected: Double)] = [(0, 0)]
        for (count, probability) in zip(counts, probabilities) {
            if bins[bins.count - 1].expected >= 10 { bins.append((0, 0)) }
            bins[bins.count - 1].observed += Double(count)
            bins[bins.count - 1].expected += probability * total
        }
        if bins.count > 1, let last = bins.last, last.expected < 10 {
            bins.removeLast()
            bins[bins.count - 1].observed += last.observed
            bins[bins.count - 1].expected += last.expected
        }
        statistic = bins.reduce(0) { sum, bin in
            let difference = bin.observed - bin.expected
            return sum + difference * difference / bin.expected
        }
        degrees = bins.count - 1
    }

    /// Two samples of equal size against each other. Bins that hold fewer than twenty together are joined.
    package init(counts first: [Int], against second: [Int]) {
        precondition(first.count == second.count, "the same bins")
        precondition(first.reduce(0, +) == second.reduce(0, +), "the same number of samples")
        var bins: [(Double, Double)] = [(0, 0)]
        for (left, right) in zip(first, second) {
            let last = bins[bins.count - 1]
            if last.0 + last.1 >= 20 { bins.append((0, 0)) }
            bins[bins.count - 1].0 += Double(left)
            bins[bins.count - 1].1 += Double(right)
        }
        if bins.count > 1, let last = bins.last, last.0 + last.1 < 20 {
            bins.removeLast()
            bins[bins.count - 1].0 += last.0
            bins[bins.count - 1].1 += last.1
        }
        statistic = bins.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) / ($1.0 + $1.1) }
        degrees = bins.count - 1
    }

    /// How likely a statistic at least this large is where the hypothesis holds.
    package var tail: Double { Statistics.chiSquareUpperTail(statistic, degrees: degrees) }

    /// Whether the hypothesis stands at the project's false-alarm rate.
    package var passes: Bool { tail > Statistics.falseAlarmRate }
}
