// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// `count` reproducible floats, uniform in -`scale` ..< `scale`.
package func testFloats(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
    var stream = InsecureTestStream(seed: seed)
    return (0..<count).map { _ in (2 * stream.unitFloat() - 1) * scale }
}

/// Floats on which loops go wrong first: both zeros, subnormals, the greatest, infinities, NaN, halves, ties.
package let nastyFloats: [Float] = [
    0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
    -.greatestFiniteMagnitude, .infinity, -.infinity, .nan, 0.5, -0.5, 1.5, 2.5, 1e30, -1e30, 0x1p-24, 0.625, -0.625,
    9.01, -9.02, 88, -88, 1, -1, 0x1.fffffep-1, 8_388_609, -8_388_607,
]
