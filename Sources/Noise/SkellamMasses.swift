// SPDX-License-Identifier: Apache-2.0

/// The law of the magnitude of a Skellam variable, by whole numbers alone (docs/proofs/skellam-sampler.md, §2 and §3).
///
/// The modified Bessel functions obey I_{k−1}(μ) = I_{k+1}(μ) + (2k/μ)·I_k(μ). Run downwards from far in the tail, all
/// terms are positive and any start gives I up to a factor (Miller's algorithm); the factor cancels in the sum.
package enum SkellamMasses {
    /// The largest variance of a table: σ = 64.
    package static let largestVariance: UInt64 = 4096

    /// Up to here a quarter of the magnitudes suffices, and the numbers stay short.
    private static let shortVariance: UInt64 = 64

    /// Zeros in base 2^64 of the start: every term is at least 2^192, so that rounding down costs a share of 2⁻¹⁹².
    private static let zerosOfStart = 3

    /// Digits in base 2^64 that the sum keeps for the divisions: at least 192 bits.
    private static let digitsOfSum = 4

    /// The masses of 0, 1, 2, … in units of 2⁻¹²⁷: ⌊2^127·I_m(μ) / Σ I⌋ for m ≥ 1, and the rest for m = 0; 1024 of
    /// them, or 256 where the others are zero.
    ///
    /// - Precondition: μ = `numerator` / `denominator` is above zero and at most `largestVariance`.
    package static func masses(numerator: UInt64, denominator: UInt64) -> [UInt128] {
        precondition(
            numerator > 0 && UInt128(numerator) <= UInt128(largestVariance) * UInt128(denominator),
            "the variance of a table is above zero and at most 4096"
        )
        let count =
            UInt128(numerator) <= UInt128(shortVariance) * UInt128(denominator)
            ? AliasTable.slotCount / 4 : AliasTable.slotCount
        var terms: [WideNatural] = []
        terms.reserveCapacity(count)
        var above = WideNatural(0)
        var term = WideNatural(1, zeros: zerosOfStart)
        for index in (1...2 * count).reversed() {
            // 2k·b·U_k / a + U_{k+1}, with k = `index`.
            var below = term
            below *= denominator
            below *= 2 * UInt64(index)
            below /= numerator
            below += above
            (above, term) = (term, below)
            if index <= count { terms.append(term) }
        }
        terms.reverse()

        var sum = WideNatural(0)
        for term in terms { sum += term }
        let excess = max(0, sum.digits.count - digitsOfSum)
        sum = sum.dropping(excess)
        var masses = terms.dropFirst().map { $0.dropping(excess).fraction127(of: sum) }
        masses.insert(1 << 127 - masses.reduce(0, +), at: 0)
        return masses
    }
}
