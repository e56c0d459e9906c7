// SPDX-License-Identifier: Apache-2.0

/// A positive `Double` as the exact product `significand` * 2^-`scale`.
struct DyadicNumber {
    /// At most 53 bits.
    let significand: UInt64
    let scale: Int

    /// - Parameter value: in 2^-20 ... 2^20, so that `scale` is in 32...72.
    init(_ value: Double) {
        significand = UInt64(value.significand * 0x1p52)
        scale = 52 - Int(value.exponent)
    }

    /// The least whole number that is at least this number times `factor`, divided by 64.
    func timesRoundedUpToMultiplesOf64(_ factor: Int64) -> UInt128 {
        let product = UInt128(significand) * UInt128(factor)
        let divisor = UInt128(1) << UInt128(scale + 6)
        return product / divisor + (product % divisor == 0 ? 0 : 1)
    }

    /// The order of (this number times `factor`)^2 and `square`, decided in exact integers.
    func compareSquare(times factor: Int64, with square: UInt128) -> Int {
        let product = UInt128(significand) * UInt128(factor)
        let left = product.multipliedFullWidth(by: product)
        let right = square.multipliedFullWidth(by: 1)
        let shifted = DyadicNumber.shiftLeft(right, by: 2 * scale)
        if left.high != shifted.high { return left.high < shifted.high ? -1 : 1 }
        return left.low == shifted.low ? 0 : left.low < shifted.low ? -1 : 1
    }

    /// The 256-bit value times 2^`count`, with `count` in 64...144 and the value below 2^104.
    private static func shiftLeft(
        _ value: (high: UInt128, low: UInt128),
        by count: Int
    ) -> (high: UInt128, low: UInt128) {
        precondition(value.high == 0 && value.low >> 104 == 0 && count <= 152, "the shifted value has at most 256 bits")
        if count >= 128 { return (value.low << UInt128(count - 128), 0) }
        return (value.low >> UInt128(128 - count), value.low << UInt128(count))
    }
}
