// SPDX-License-Identifier: Apache-2.0

/// The exact side of the acceptance rule: accept iff u < exp(−t), for t = y(y + 2Kx) / (8192·K²) below 0.22 and a
/// uniform u of which 64 or 128 bits are known (docs/proofs/discrete-gaussian.md, §4).
///
/// e^−t is bounded from both sides by 128-bit integers, so a decision that is given is the right one.
struct Acceptance {
    /// 2^128·e^−t lies in `estimate` ± `error`, unless t = 0; there `estimate` is nil and the answer is always yes.
    private let estimate: UInt128?

    /// Bounds the rounding of t (one unit), of 25 terms' divisions (together below 4 units) and what the series leaves
    /// out (below 2⁻¹³¹).
    private static let error: UInt128 = 8

    /// The terms of the series: 0.22^25 / 25! < 2⁻¹³⁷.
    private static let terms: UInt128 = 24

    init(y: UInt64, x: UInt64, multiple: UInt64, doubledVariance: UInt128) {
        let numerator = UInt128(y) * (UInt128(y) + 2 * UInt128(multiple) * UInt128(x))
        guard numerator > 0 else {
            estimate = nil
            return
        }
        // t in units of 2⁻¹²⁸, rounded down; the numerator is below the denominator.
        let exponent = doubledVariance.dividingFullWidth((high: numerator, low: 0)).quotient
        // 1 − e^−t = t(1 − t/2(1 − t/3(1 − …))), from the inside out.
        var complement: UInt128 = 0
        var term = Self.terms
        while term > 0 {
            complement = (exponent - exponent.multipliedFullWidth(by: complement).high) / term
            term -= 1
        }
        estimate = 0 &- complement
    }

    /// Decides for a u in [fraction, fraction + width) / 2^64, or gives nil where that does not suffice. Where the
    /// interval reaches beyond 1, y itself is not certain, and the answer is nil too.
    func decide(fraction: UInt64, width: UInt64) -> Bool? {
        guard fraction == 0 || width <= 0 &- fraction else { return nil }
        guard let estimate else { return true }
        if UInt128(fraction) + UInt128(width) <= (estimate - Self.error) >> 64 { return true }
        if UInt128(fraction) >= (estimate + Self.error) >> 64 + 1 { return false }
        return nil
    }

    /// Decides for u = fraction / 2^128; wrong at most for the 8 fractions next to e^−t on one side.
    func decide(fraction: UInt128) -> Bool {
        guard let estimate else { return true }
        return fraction < estimate
    }
}
