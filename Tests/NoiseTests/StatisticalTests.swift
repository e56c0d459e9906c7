// SPDX-License-Identifier: Apache-2.0

import TestKit

/// Kolmogorov's and Smirnov's test of a histogram against a fully known law.
///
/// Looking only at the ends of bins makes the distance smaller, never larger, and the bound holds for every law and
/// every count: the false-alarm rate is at most the project's.
struct KolmogorovSmirnovTest {
    /// The largest distance between the distribution functions at the ends of the bins.
    let distance: Double
    let bound: Double

    init(counts: [Int], probabilities: [Double]) {
        let total = Double(counts.reduce(0, +))
        var (seen, expected, largest) = (0.0, 0.0, 0.0)
        for (count, probability) in zip(counts, probabilities) {
            seen += Double(count) / total
            expected += probability
            largest = max(largest, abs(seen - expected))
        }
        distance = largest
        bound = Statistics.kolmogorovSmirnovBound(count: Int(total))
    }

    var passes: Bool { distance <= bound }
}

/// Wald's and Wolfowitz's runs test: whether marks come in an order that has nothing to do with the marks.
///
/// Given how many marks there are of each kind, the number of runs has a known mean and variance; from some hundred
/// marks on it is Gaussian to far beyond the rate that is tested.
struct RunsTest {
    /// The number of runs, in standard deviations from its mean; below zero where equal marks cling together.
    let score: Double

    init(_ marks: [Bool]) {
        let count = Double(marks.count)
        let ones = Double(marks.count { $0 })
        let runs = Double(zip(marks, marks.dropFirst()).count { $0 != $1 } + 1)
        let product = 2 * ones * (count - ones)
        let variance = product * (product - count) / (count * count * (count - 1))
        score = (runs - product / count - 1) / variance.squareRoot()
    }

    var passes: Bool { abs(score) < Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / 2) }

    /// Of signs, which are independent of the magnitudes; zeros have none.
    static func signs(_ samples: [Int64]) -> RunsTest {
        RunsTest(samples.filter { $0 != 0 }.map { $0 > 0 })
    }

    /// Of magnitudes above and below a deviation: large ones must not come in groups.
    static func magnitudes(_ samples: [Int64], above deviation: Double) -> RunsTest {
        RunsTest(samples.map { Double($0.magnitude) > deviation })
    }
}

/// Whether two sequences of samples correlate, at any of some lags.
struct CorrelationTest {
    /// The correlation that is furthest from zero, in its standard deviations.
    let score: Double
    let bound: Double

    /// - Parameters:
    ///   - lags: how many places the second sequence may be ahead (above zero) or behind.
    ///   - tests: of how many such tests one false alarm at the project's rate is allowed.
    init(_ first: [Int64], _ second: [Int64], variance: Double, lags: ClosedRange<Int> = 0...0, tests: Int = 1) {
        var largest = 0.0
        for lag in lags {
            let (left, right) = (first.dropFirst(max(0, -lag)), second.dropFirst(max(0, lag)))
            let sum = zip(left, right).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            let deviation = variance * Double(min(left.count, right.count)).squareRoot()
            if abs(sum / deviation) > abs(largest) { largest = sum / deviation }
        }
        score = largest
        bound = Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / Double(2 * tests * lags.count))
    }

    var passes: Bool { abs(score) < bound }
}
