// SPDX-License-Identifier: Apache-2.0

import Kernels
import Testing

/// Descent against the formula, value by value.
@Suite struct DescentTests {
    private let scale = 0x1.3p-21
    private let descent = Descent(momentum: 0.9, rate: 0.05)

    /// Sums that a float cannot hold, that a double cannot hold, and the ends of the range.
    private static let small: [Int64] = Array(-40...40)
    private static let wide: [Int64] = (0..<97).map { (index: Int64) -> Int64 in index * 987_654_321 - 40_000_000_000 }
    private static let ends: [Int64] = [
        0, 1, -1, 0x7_FFFF_FFFF_FFFF, -0x8_0000_0000_0000, 0x8_0000_0000_0000, -0x8_0000_0000_0001, 0x20_0000_0000_0001,
        .max, .min, .max - 512,
    ]

    @Test(arguments: [small, wide, ends])
    func integersAreConvertedExactly(sum: [Int64]) {
        for hasVelocity in [true, false] {
            var parameters = sum.indices.map { Float($0) * 0.37 - 5 }
            var velocity = hasVelocity ? sum.indices.map { Float($0) * -0.11 + 2 } : []
            var (expected, expectedVelocity) = (parameters, velocity)
            for index in sum.indices {
                var next = Float(Double(sum[index]) * scale)
                if hasVelocity {
                    next = 0.9 * expectedVelocity[index] + next
                    expectedVelocity[index] = next
                }
                expected[index] -= 0.05 * next
            }
            var target = parameters.mutableSpan
            var moving = velocity.mutableSpan
            descent.step(&target, velocity: &moving, sum: sum.span, scale: scale)
            #expect(parameters == expected)
            #expect(velocity == expectedVelocity)
        }
    }

    @Test func floatsFollowTheFormula() {
        let sum = (0..<131).map { Float($0) * 1.7 - 90 }
        for hasVelocity in [true, false] {
            var parameters = sum.map { $0 * 0.37 - 5 }
            var velocity = hasVelocity ? sum.map { $0 * -0.11 + 2 } : []
            var (expected, expectedVelocity) = (parameters, velocity)
            for index in sum.indices {
                var next = sum[index] * 0.003
                if hasVelocity {
                    next = 0.9 * expectedVelocity[index] + next
                    expectedVelocity[index] = next
                }
                expected[index] -= 0.05 * next
            }
            var target = parameters.mutableSpan
            var moving = velocity.mutableSpan
            descent.step(&target, velocity: &moving, plainSum: sum.span, scale: 0.003)
            #expect(parameters == expected)
            #expect(velocity == expectedVelocity)
        }
    }
}
