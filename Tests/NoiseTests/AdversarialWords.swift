// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness

/// Words of trials that come near every decision of the sampler.
struct AdversarialWords {
    /// What a trial is made to be.
    enum Kind: CaseIterable {
        case ordinary
        /// r1 equals the threshold's upper bits: one more word is drawn.
        case tableTie
        case negativeZero
        /// Between 1 − t + t²/2 and the last K values of the fraction.
        case rejected
        /// The fraction is within the margins of 1 − t.
        case besideAcceptance
        /// Between 1 − t and 1 − t + t²/2, where only integers decide.
        case betweenBounds
        /// The fraction is the last one: y may be the next one, unless K is a power of two.
        case lastFractions
    }

    let multiple: UInt64
    private var random: InsecureTestStream

    init(multiple: UInt64, seed: UInt64) {
        self.multiple = multiple
        random = InsecureTestStream(seed: seed)
    }

    /// The words of a trial of some kind: two, and with a tie three.
    mutating func trial(_ kind: Kind) -> [UInt64] {
        let slot = random.uniform(below: 896)
        let entry = DiscreteGaussianTable.slots[Int(slot)]
        let sign = random.next() & 1 << 53
        let threshold = entry >> 10
        // The fraction 0 keeps the slot, unless that has no mass of its own; then x is the alias.
        let x = threshold > 0 ? slot : entry & 1023
        // Of the upper half, so that t is far from zero, except where K leaves no choice.
        let y = multiple - 1 - random.uniform(below: (multiple + 1) / 2)
        let first = slot << 54 | sign | (threshold > 0 ? 0 : 1)
        let t =
            Double(y) * (Double(y) + 2 * Double(multiple) * Double(x)) / (8192 * Double(multiple) * Double(multiple))
        let exponent = UInt64(t * 0x1p64)
        let square = UInt64(t * t * 0x1p63)
        switch kind {
        case .ordinary:
            return [first, word(y: y, fraction: random.next() >> 2)]
        case .tableTie:
            return [slot << 54 | sign | threshold & (1 << 53 - 1), random.next(), word(y: y, fraction: 0)]
        case .negativeZero:
            return [1 << 53, random.uniform(below: 1 + .max / multiple / 2)]
        case .rejected:
            let room = max(1, exponent &- square &- 2 * multiple &- 1 << 15)
            return [first, word(y: y, fraction: 0 &- multiple &- random.uniform(below: min(room, exponent + 1)))]
        case .besideAcceptance:
            let offset = random.uniform(below: 4 * multiple + 1 << 16) &- 2 * multiple &- 1 << 15
            return [first, word(y: y, fraction: 0 &- exponent &+ offset)]
        case .betweenBounds:
            return [first, word(y: y, fraction: 0 &- exponent &+ random.uniform(below: square + 1))]
        case .lastFractions:
            return [first, word(y: y, fraction: .max)]
        }
    }

    /// Trials, of which one in `rarity` is not ordinary.
    mutating func trials(_ count: Int, rarity: UInt64) -> [UInt64] {
        var words: [UInt64] = []
        for _ in 0..<count {
            let kinds = Kind.allCases
            let kind =
                random.uniform(below: rarity) == 0 ? kinds[Int(random.uniform(below: UInt64(kinds.count)))] : .ordinary
            words += trial(kind)
        }
        return words
    }

    /// The greatest r2 with r2·K at most y·2⁶⁴ + fraction.
    private func word(y: UInt64, fraction: UInt64) -> UInt64 {
        UInt64((UInt128(y) << 64 + UInt128(fraction)) / UInt128(multiple))
    }
}
