// SPDX-License-Identifier: Apache-2.0

package import Randomness

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The Skellam law of variance μ: the difference of two independent Poisson variables of mean μ/2, so that
/// P[z] = e^−μ·I_|z|(μ) with the modified Bessel function I.
///
/// It is closed under sums: where n shares each add Skellam noise of variance μ, the sum has exactly the law of
/// variance n·μ (Agarwal, Kairouz, Liu, "The Skellam mechanism for differentially private federated learning", 2021).
/// Sums of discrete Gaussians are discrete Gaussians only nearly, and not even that where a share's σ is below some 2.
///
/// Up to μ = 4096 a sample is a draw of the magnitude from an alias table and a sign; a larger variance is the sum of
/// draws of equal variance (proof, §1). A draw takes one word, in rare cases two, and a word for each negative zero.
/// The words are used in that order and none is drawn ahead of its need: a stream gives the same samples whatever the
/// lengths of the calls.
///
/// The proof that the law is exact up to `samplerDistanceLog2` is docs/proofs/skellam-sampler.md.
package struct Skellam: NoiseMechanism {
    /// The largest variance, σ = 1024: beyond it the discrete Gaussian serves, at the cost of a single draw.
    package static let largestVariance: UInt64 = 1 << 20

    /// a of μ = a / b.
    package let varianceNumerator: UInt64
    /// b of μ = a / b.
    package let varianceDenominator: UInt64
    /// How many draws from the table a sample is the sum of: ⌈μ / 4096⌉, in 1 ... 256.
    package let draws: Int

    /// Of the magnitudes of the law of variance μ / `draws`.
    private let table: AliasTable

    /// Computes the table, in some milliseconds.
    ///
    /// - Throws: `skellamVarianceOutOfRange` unless 0 < a / b ≤ 2^20.
    package init(varianceNumerator: UInt64, varianceDenominator: UInt64) throws(NoiseError) {
        let (numerator, denominator) = (UInt128(varianceNumerator), UInt128(varianceDenominator))
        guard numerator > 0, denominator > 0, numerator <= UInt128(Self.largestVariance) * denominator else {
            throw .skellamVarianceOutOfRange(numerator: varianceNumerator, denominator: varianceDenominator)
        }
        let largest = UInt128(SkellamMasses.largestVariance) * denominator
        // Beyond one draw b < 2^64 / 4096, so the product below has at most 60 bits.
        let draws = UInt64((numerator + largest - 1) / largest)
        self.varianceNumerator = varianceNumerator
        self.varianceDenominator = varianceDenominator
        self.draws = Int(draws)
        table = AliasTable(
            masses: SkellamMasses.masses(numerator: varianceNumerator, denominator: varianceDenominator * draws)
        )
    }

    package var name: String { "Skellam, variance \(varianceNumerator)/\(varianceDenominator)" }

    /// √μ, in grid units.
    package var standardDeviation: Double { variance.squareRoot() }

    /// μ, in squared grid units.
    package var variance: Double { Double(varianceNumerator) / Double(varianceDenominator) }

    /// log2 of a bound on the statistical distance of one sample from the Skellam law: `draws`·2⁻¹¹⁵ (proof, §5).
    ///
    /// A vector of d samples is within d times that; T releases of it add (1 + e^ε)·T·d times that to δ.
    package var samplerDistanceLog2: Double { (log2(Double(draws)) - 115).nextUp }

    package func fill<Words: RandomWords & ~Copyable>(
        _ out: inout MutableSpan<Int64>,
        from stream: inout Words,
        by words: inout WordBlock
    ) {
        var filled = 0
        var sum = Partial(left: draws)
        while filled < out.count {
            if words.count == 0 {
                // Every draw still to come takes at least a word, so nothing is drawn that will not be used.
                words.topUp(to: (out.count - filled - 1) * draws + sum.left, from: &stream)
            }
            let held = words.count
            words.use { certainDraws($0, &out, &filled, &sum) }
            // Left is a draw that needs a second word, or nothing, or a block that holds nothing.
            if filled < out.count, words.count > 0 || held == 0 {
                let first = words.next(from: &stream)
                if let draw = AliasTable.signed(table.value(of: first, &words, &stream), by: first) {
                    sum.add(draw, of: draws, &out, &filled)
                }
            }
        }
    }

    /// A sample in the making.
    private struct Partial {
        var value: Int64 = 0
        /// Draws that it lacks, at least 1.
        var left: Int

        mutating func add(_ draw: Int64, of draws: Int, _ out: inout MutableSpan<Int64>, _ filled: inout Int) {
            value += draw
            left -= 1
            guard left == 0 else { return }
            out[filled] = value
            filled += 1
            self = Partial(left: draws)
        }
    }

    /// Takes draws (proof, §4) from `words` until `out` is full, no word is left, or a draw needs a second word; that
    /// one is left untouched.
    ///
    /// - Returns: how many words were used.
    private func certainDraws(
        _ words: Span<UInt64>,
        _ out: inout MutableSpan<Int64>,
        _ filled: inout Int,
        _ sum: inout Partial
    ) -> Int {
        let slots = table.slots.span
        precondition(slots.count == 1024, "ten bits name a slot")
        var used = 0
        var count = filled
        var (value, left) = (sum.value, sum.left)
        while count < out.count, used < words.count {
            let first = words[used]
            let slot = first >> 54
            let entry = slots[Int(truncatingIfNeeded: slot)]
            // Both sides are below 2^54: the difference's sign is a mask, and no branch depends on random bits.
            let difference = Int64(bitPattern: first & AliasTable.fractionMask &- entry >> 10)
            if difference == 0 { break }
            used &+= 1
            let keepsSlot = UInt64(bitPattern: difference >> 63)
            let alias = entry & AliasTable.aliasMask
            let magnitude = Int64(truncatingIfNeeded: alias ^ (alias ^ slot) & keepsSlot)
            let sign = Int64(truncatingIfNeeded: first >> 53 & 1)
            // At most 256 magnitudes below 1024; the negative zero adds nothing and counts for nothing.
            value &+= (magnitude ^ (0 &- sign)) &+ sign
            left &-= magnitude | (sign ^ 1) == 0 ? 0 : 1
            if left == 0 {
                out[count] = value
                count &+= 1
                (value, left) = (0, draws)
            }
        }
        filled = count
        sum = Partial(value: value, left: left)
        return used
    }
}
