// SPDX-License-Identifier: Apache-2.0

import Accounting
import Testing

@Suite struct NoisePlanTests {
    @Test func centralNoiseIsTheLeastWholeMultiple() throws {
        for (multiplier, bound, expected) in [
            (1.0, 6400, 100), (1.0, 6401, 101), (1.5, 6400, 150), (0.5, 1, 1), (1.0, 1 << 40, 1 << 34),
            (0x1p-20, 1 << 26, 1), (0x1p-20, (1 << 26) + 1, 2),
        ] as [(Double, Int64, UInt64)] {
            let plan = try NoisePlan.central(noiseMultiplier: multiplier, bound: bound)
            #expect(plan.multiple == expected && plan.bound == bound && plan.shares == 1)
            #expect(plan.noiseMultiplier >= multiplier)
        }
        for multiplier in [0.3, 0.7312, 1.1, 4.530877117] {
            for bound in [17, 12_345, 98_765_432_101] as [Int64] {
                let plan = try NoisePlan.central(noiseMultiplier: multiplier, bound: bound)
                #expect(plan.noiseMultiplier >= multiplier)
                let step = plan.event
                let needed = try RenyiCurve(.gaussian(noiseMultiplier: multiplier))
                let used = try RenyiCurve(step)
                #expect(zip(used.divergences, needed.divergences).allSatisfy(<=))
                #expect(Double(64 * (plan.multiple - 1)) / Double(bound) < multiplier)
            }
        }
    }

    /// z = 3/2 makes the condition 4 ((64 K)^2 h - 9) >= 9 B^2, checked here in 128-bit integers.
    @Test func sharedNoiseIsExactAtTheBoundary() throws {
        for largest in [300, 1001, 65_536, 1 << 20, 123_456_789] as [Int64] {
            for shares in [1, 2, 3, 10, 97] {
                guard largest * 3 / 2 > 64 * shares else { continue }
                let plan = try NoisePlan.shared(noiseMultiplier: 1.5, largestBound: largest, honestShares: shares)
                func variance(_ multiple: UInt64) -> Int128 {
                    Int128(64 * multiple) * Int128(64 * multiple) * Int128(shares)
                }
                let usable = variance(plan.multiple) - (shares == 1 ? 0 : 9)
                #expect(4 * usable >= 9 * Int128(plan.bound) * Int128(plan.bound))
                #expect(plan.bound <= largest)
                // One more unit of the bound, or of the multiple, is too much.
                let next = Int128(plan.bound + 1)
                #expect(plan.bound == largest || 4 * usable < 9 * next * next + 2 * next)
                #expect(4 * variance(plan.multiple + 1) > 9 * Int128(largest) * Int128(largest))
                #expect(4 * variance(plan.multiple) <= 9 * Int128(largest) * Int128(largest))
                #expect(plan.noiseMultiplier >= 1.5 && plan.shares == shares)
            }
        }
    }

    @Test func sharedNoiseNeverFallsBelowTheMultiplier() throws {
        for multiplier in [0.31, 0.9, 1.1, 2.718281828] {
            for shares in [1, 4, 19, 1000] {
                let plan = try NoisePlan.shared(
                    noiseMultiplier: multiplier,
                    largestBound: 1 << 30,
                    honestShares: shares
                )
                #expect(plan.noiseMultiplier >= multiplier)
                #expect(plan.noiseMultiplier < multiplier * (1 + 1e-8))
                let used = try RenyiCurve(plan.event)
                let needed = try RenyiCurve(.gaussian(noiseMultiplier: multiplier))
                for (mine, bound) in zip(used.divergences, needed.divergences) {
                    #expect(mine <= bound * (1 + 1e-15) + 1e-22)
                }
                #expect(Double(plan.bound) > Double(1 << 30) * (1 - 1.1 / Double(plan.multiple)))
            }
        }
    }

    @Test func whatCannotBePlannedIsRefused() {
        #expect(throws: AccountingError.self) {
            try NoisePlan.shared(noiseMultiplier: 1, largestBound: 63, honestShares: 1)
        }
        #expect(throws: AccountingError.self) {
            try NoisePlan.shared(noiseMultiplier: 1, largestBound: 1000, honestShares: 1000)
        }
        #expect(throws: AccountingError.self) {
            try NoisePlan.shared(noiseMultiplier: 1, largestBound: .max, honestShares: 1)
        }
        #expect(throws: AccountingError.self) {
            try NoisePlan.shared(noiseMultiplier: 1, largestBound: 1000, honestShares: 0)
        }
        #expect(throws: AccountingError.self) { try NoisePlan.central(noiseMultiplier: .nan, bound: 10) }
        #expect(throws: AccountingError.self) { try NoisePlan.central(noiseMultiplier: 0, bound: 10) }
        #expect(throws: AccountingError.self) { try NoisePlan.central(noiseMultiplier: 1, bound: 0) }
        #expect(throws: AccountingError.self) { try NoisePlan.central(noiseMultiplier: 1, bound: .max) }
        #expect(throws: AccountingError.self) { try NoisePlan.central(noiseMultiplier: 1e9, bound: 1 << 30) }
    }

    @Test func fewerHonestSharesMeanLessNoise() throws {
        let plan = try NoisePlan.shared(noiseMultiplier: 1, largestBound: 1 << 20, honestShares: 10)
        let all = try RenyiCurve(plan.event)
        let fewer = try RenyiCurve(plan.event(honestShares: 9))
        #expect(zip(all.divergences, fewer.divergences).allSatisfy(<))
    }
}
