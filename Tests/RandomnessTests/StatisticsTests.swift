// SPDX-License-Identifier: Apache-2.0

import TestKit
import Testing

/// The critical values that the statistical tests rest on, against SciPy 1.17.1 (`scipy.stats.chi2.isf`, `norm.isf`).
@Suite struct StatisticsTests {
    @Test(arguments: [
        (1, 23.928126976934827), (10, 46.863046846784385), (100, 182.12677711954765), (500, 664.9577169759456),
    ])
    func chiSquareQuantiles(degrees: Int, expected: Double) {
        let quantile = Statistics.chiSquareQuantile(degrees: degrees)
        #expect(abs(quantile / expected - 1) < 1e-9)
        #expect(abs(Statistics.chiSquareUpperTail(expected, degrees: degrees) / 1e-6 - 1) < 1e-8)
    }

    @Test func normalQuantiles() {
        #expect(abs(Statistics.normalQuantile(upperTail: 1e-6) - 4.753424308822899) < 1e-9)
        #expect(abs(Statistics.normalQuantile(upperTail: 0.025) - 1.9599639845400545) < 1e-9)
    }

    @Test func binsAreJoinedUntilTheyExpectTen() {
        let test = ChiSquareTest(counts: [5, 5, 10, 75, 5], probabilities: [0.05, 0.05, 0.1, 0.75, 0.05])
        #expect(test.degrees == 2)
        #expect(test.statistic < 1e-12)
        #expect(test.passes)
    }
}
