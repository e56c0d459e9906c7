// SPDX-License-Identifier: Apache-2.0

extension RandomWords where Self: ~Copyable {
    /// A whole number that is uniform on 0 ..< `bound`, exactly.
    ///
    /// Lemire, "Fast random integer generation in an interval" (2019): the high half of word × bound, where the low half
    /// is redrawn below 2^64 mod bound (docs/proofs/rational-discrete-gaussian.md, §1).
    ///
    /// - Parameter bound: at least 1.
    @inlinable
    package mutating func uniform(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "an empty interval has no elements")
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let excess = (0 &- bound) % bound
            while product.low < excess {
                product = next().multipliedFullWidth(by: bound)
            }
        }
        return product.high
    }

    /// A whole number that is uniform on 0 ..< `bound`, exactly; two words a trial, or one where 64 bits suffice.
    ///
    /// - Parameter bound: at least 1.
    package mutating func wideUniform(below bound: UInt128) -> UInt128 {
        if let small = UInt64(exactly: bound) {
            return UInt128(uniform(below: small))
        }
        let excess = (0 &- bound) % bound
        while true {
            let high = UInt128(next())
            let product = (high << 64 | UInt128(next())).multipliedFullWidth(by: bound)
            if product.low >= excess { return product.high }
        }
    }

    /// Uniform on the multiples of 2⁻²⁴ in 0 ..< 1: every one is a `Float`. One word.
    @inlinable
    package mutating func unitFloat() -> Float {
        Float(next() >> 40) * 0x1p-24
    }

    /// Uniform on the multiples of 2⁻⁵³ in 0 ..< 1: every one is a `Double`. One word.
    @inlinable
    package mutating func unitDouble() -> Double {
        Double(next() >> 11) * 0x1p-53
    }
}
