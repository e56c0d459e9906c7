// SPDX-License-Identifier: Apache-2.0

package import Randomness

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The discrete Gaussian N_ℤ(0, σ²) with σ = 64·K: P[z] ∝ exp(−z² / (2σ²)) on all integers.
///
/// A sample is z = K·x + y: x from a table of the half Gaussian of deviation 64, y uniform on 0 ..< K, accepted with
/// probability exp(−t), t = y(y + 2Kx) / (2σ²) < 0.22 (proof, §1). A trial takes a word r1 for x and the sign and a
/// word r2 for y and the acceptance (§3); in rare cases a word between them and one after, drawn only when the decision
/// needs it. The words are used in that order, none is skipped and none is drawn ahead of its need: a stream gives the
/// same samples whatever the lengths of the calls.
///
/// The proof that the law is exact up to `samplerDistanceLog2`, and of every bound used here, is
/// docs/proofs/discrete-gaussian.md.
package struct DiscreteGaussian: NoiseMechanism {
    /// The deviation of the table's law.
    package static let baseDeviation: UInt64 = 64
    /// The largest multiple: beyond it the 128 bits of r2 and its extension no longer make the distance negligible.
    package static let largestMultiple: UInt64 = 1 << 34

    /// K, in 1 ... 2^34.
    package let multiple: UInt64

    /// 2σ² = 8192·K².
    private let doubledVariance: UInt128
    /// 1 / K, rounded.
    private let inverse: Double
    /// What the quick decision keeps away from its threshold, in units of 2⁻⁶⁴: K for the unknown bits of r2, and 2^13
    /// for the rounding of t (proof, §5).
    private let margin: UInt64

    /// - Parameter multiple: K = σ / 64.
    /// - Throws: `multipleOutOfRange` outside 1 ... 2^34.
    package init(multiple: UInt64) throws(NoiseError) {
        guard multiple >= 1, multiple <= Self.largestMultiple else { throw .multipleOutOfRange(multiple) }
        self.multiple = multiple
        doubledVariance = 8192 * UInt128(multiple) * UInt128(multiple)
        inverse = 1 / Double(multiple)
        margin = multiple + 1 << 13
    }

    package var name: String { "discrete Gaussian, sigma = 64 * \(multiple)" }

    /// σ, in grid units.
    package var standardDeviation: Double { 64 * Double(multiple) }

    /// σ²: the law's variance falls short of it by a factor below 10^−35000.
    package var variance: Double { standardDeviation * standardDeviation }

    /// log2 of a bound on the statistical distance of one sample from N_ℤ(0, σ²): 2⁻¹¹⁷ + K·2⁻¹²⁶ (proof, §6).
    ///
    /// A vector of d samples is within d times that; T releases of it add (1 + e^ε)·T·d times that to δ.
    package var samplerDistanceLog2: Double {
        log2(0x1p-117 + Double(multiple) * 0x1p-126).nextUp
    }

    package func fill<Words: RandomWords & ~Copyable>(
        _ out: inout MutableSpan<Int64>,
        from stream: inout Words,
        by words: inout WordBlock
    ) {
        let inGroups = multiple < CertainTrials.multipleLimit
        let room = 2 * CertainTrials.group
        var filled = 0
        while filled < out.count {
            if words.count < room {
                // Every sample still to come takes at least two words, so nothing is drawn that will not be used.
                words.topUp(to: 2 * (out.count - filled), from: &stream)
            }
            let held = words.count
            if inGroups {
                words.use { CertainTrials.run($0, multiple: multiple, &out, &filled) }
            }
            words.use { rest in
                // Where groups can be had, one at a time: the one with the trial that needs the integers, or the last.
                quickTrials(inGroups ? rest.extracting(first: room) : rest, &out, &filled)
            }
            // Left is a trial that needs the integers, or nothing, or a block without room for a trial's words.
            if filled < out.count, words.count >= 2 || words.count == held, let sample = trial(&words, &stream) {
                out[filled] = sample
                filled += 1
            }
        }
    }

    /// One sample, drawn without the quick decisions: the same value from the same words as `fill`, by integers alone.
    package func exactSample<Words: RandomWords & ~Copyable>(from stream: inout Words) -> Int64 {
        var words = WordBlock(capacity: 0)
        while true {
            if let sample = trial(&words, &stream) { return sample }
        }
    }
}

// MARK: - One trial, by integers

extension DiscreteGaussian {
    /// One trial of any kind (proof, §2 to §4): the sample, or nil where it was rejected.
    private func trial<Words: RandomWords & ~Copyable>(_ words: inout WordBlock, _ stream: inout Words) -> Int64? {
        let first = words.next(from: &stream)
        let x = DiscreteGaussianTable.table.value(of: first, &words, &stream)

        let second = words.next(from: &stream)
        var (y, remainder) = second.multipliedFullWidth(by: multiple)
        var acceptance = Acceptance(y: y, x: x, multiple: multiple, doubledVariance: doubledVariance)
        var accepted = acceptance.decide(fraction: remainder, width: multiple)
        if accepted == nil {
            let third = words.next(from: &stream)
            let product = (UInt128(second) << 64 | UInt128(third)).multipliedFullWidth(by: UInt128(multiple))
            y = UInt64(product.high)
            acceptance = Acceptance(y: y, x: x, multiple: multiple, doubledVariance: doubledVariance)
            accepted = acceptance.decide(fraction: product.low)
        }
        guard accepted == true else { return nil }
        return AliasTable.signed(multiple * x + y, by: first)
    }
}

// MARK: - The quick decision

extension DiscreteGaussian {
    /// Runs trials one by one, with the decisions of `CertainTrials` (proof, §5), on `words` until `out` is full, fewer
    /// than two words are left, or a trial needs the integers; that one is left untouched.
    ///
    /// - Returns: how many words were used.
    private func quickTrials(_ words: Span<UInt64>, _ out: inout MutableSpan<Int64>, _ filled: inout Int) -> Int {
        let table = DiscreteGaussianTable.slots.span
        precondition(table.count == 1024, "ten bits name a slot")
        var used = 0
        var count = filled
        while count < out.count, used &+ 1 < words.count {
            let first = words[used]
            let slot = first >> 54
            let entry = table[Int(truncatingIfNeeded: slot)]
            // Both sides are below 2^54: the difference's sign is a mask, and no branch depends on random bits.
            let difference = Int64(bitPattern: first & AliasTable.fractionMask &- entry >> 10)
            if difference == 0 { break }
            let keepsSlot = UInt64(bitPattern: difference >> 63)
            let alias = entry & AliasTable.aliasMask
            let x = alias ^ (alias ^ slot) & keepsSlot

            let (y, remainder) = words[used &+ 1].multipliedFullWidth(by: multiple)
            // The Double t, in units of 2⁻⁶⁴, is within 2^13 of t (proof, §5), and t < 0.22.
            let ratio = Double(Int64(truncatingIfNeeded: y)) * inverse
            let exponent = ratio * (ratio + 2 * Double(Int64(truncatingIfNeeded: x))) * 0x1p-13
            let scaled = Self.scaled(exponent)
            // Accepted for certain: the fraction ends below 1 − t ≤ exp(−t).
            if remainder.addingReportingOverflow(scaled &+ margin).overflow {
                // Rejected for certain: y is known and the fraction starts above 1 − t + t²/2 ≥ exp(−t).
                let distance = 0 &- remainder
                let square = Self.scaled(exponent * exponent * 0.5)
                guard distance >= multiple, distance &+ square &+ 1 << 14 <= scaled else { break }
                used &+= 2
                continue
            }
            used &+= 2
            let magnitude = Int64(truncatingIfNeeded: multiple &* x &+ y)
            let sign = Int64(truncatingIfNeeded: first >> 53 & 1)
            if magnitude | (sign ^ 1) == 0 { continue }
            out[count] = (magnitude ^ (0 &- sign)) &+ sign
            count &+= 1
        }
        filled = count
        return used
    }

    /// 2^64·v within 2^11, for 0 ≤ v < 1: the significand of 1 + v holds v in units of 2^-52.
    private static func scaled(_ v: Double) -> UInt64 {
        ((1 + v).bitPattern &- (1.0).bitPattern) << 12
    }
}

extension DiscreteGaussianTable {
    /// The law of x: the arrays of this type, as a table.
    package static let table = AliasTable(slots: slots, lowWords: lowWords)
}
