// SPDX-License-Identifier: Apache-2.0

import Noise
import TestKit
import Testing

/// The laws that the statistical tests compare with, against mpmath (Tests/Fixtures/noise/README.md).
@Suite struct LawReferenceTests {
    private struct Discrete: Decodable {
        struct Case: Decodable {
            struct Point: Decodable {
                let x: Int
                let pmf: String
            }

            let sigma: String
            let variance: String
            let points: [Point]
        }

        let cases: [Case]
    }

    private struct Rounded: Decodable {
        struct Case: Decodable {
            struct Point: Decodable {
                let k: Int
                let pmf: String
            }

            let sigma: String
            let points: [Point]
        }

        let cases: [Case]
    }

    /// Bins are single integers up to σ = 10.
    @Test func discreteGaussian() throws {
        for golden in try fixture("noise/discrete_gaussian_pmf.json", as: Discrete.self).cases {
            let sigma = try #require(Double(golden.sigma))
            guard sigma <= 10 else { continue }
            let bins = Bins(sigma: sigma)
            let law = bins.discreteGaussian(sigma: sigma)
            for point in golden.points where abs(point.x) <= bins.half {
                let expected = try #require(Double(point.pmf))
                #expect(abs(law[bins.half + point.x] / expected - 1) < 1e-12, "sigma \(sigma), x = \(point.x)")
            }
        }
    }

    @Test func roundedGaussian() throws {
        for golden in try fixture("noise/rounded_gaussian_pmf.json", as: Rounded.self).cases {
            let sigma = try #require(Double(golden.sigma))
            guard sigma <= 10 else { continue }
            let bins = Bins(sigma: sigma)
            let law = bins.roundedGaussian(sigma: sigma)
            for point in golden.points where point.k <= bins.half {
                let expected = try #require(Double(point.pmf))
                #expect(abs(law[bins.half + point.k] / expected - 1) < 1e-10, "sigma \(sigma), k = \(point.k)")
            }
        }
    }

    /// The variances that the mechanisms state.
    @Test func variances() throws {
        let parameters: [String: (UInt64, UInt64)] = ["0.3": (9, 100), "1": (1, 1), "2.5": (25, 4), "10": (100, 1)]
        for golden in try fixture("noise/discrete_gaussian_pmf.json", as: Discrete.self).cases {
            guard let variance = parameters[golden.sigma] else { continue }
            let noise = try RationalDiscreteGaussian(varianceNumerator: variance.0, varianceDenominator: variance.1)
            #expect(abs(noise.variance / (try #require(Double(golden.variance))) - 1) < 1e-14)
        }
    }

    /// The bound √(ln(2/α) / 2n) is just above SciPy's exact critical values for a continuous law
    /// (`scipy.stats.kstwo.isf(1e-6, n)`), so it raises no more false alarms and loses hardly any power.
    @Test(arguments: [(1000, 0.08494641956334534), (1_000_000, 0.002693217601371557)])
    func kolmogorovSmirnovBound(count: Int, exact: Double) {
        let bound = Statistics.kolmogorovSmirnovBound(count: count)
        #expect(bound > exact)
        #expect(bound < exact * 1.003)
    }

    /// 1100101110 has 6 runs of 6 ones and 4 zeros: mean 5.8, variance 2·24·(48 − 10) / (100·9).
    @Test func runs() {
        let marks = "1100101110".map { $0 == "1" }
        let expected = (6 - 5.8) / (48.0 * 38 / 900).squareRoot()
        #expect(abs(RunsTest(marks).score - expected) < 1e-12)
    }
}
