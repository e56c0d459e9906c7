// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// Walker's alias table of a law on 0 ..< 1024 whose masses are whole multiples of 2⁻¹²⁷
/// (docs/proofs/discrete-gaussian.md, §2).
///
/// A word r1 of the stream names a slot (bits 63 … 54), a sign (bit 53), and 53 of the 117 bits that are compared with
/// the slot's threshold; where those equal the threshold's, one more word decides. So a draw takes one word but for
/// some 2⁻⁵³ of the draws, and the law is exactly the one of the masses.
package struct AliasTable: Sendable {
    /// Slots, each of 2^117 units of 2⁻¹²⁷.
    package static let slotCount = 1024
    /// Units of mass in a slot.
    package static let slotCapacity: UInt128 = 1 << 117

    /// Per slot: the upper 53 bits of the threshold (2^53 where the slot is full), shifted left by 10, and the alias.
    package let slots: [UInt64]
    /// Per slot: the lower 64 bits of the threshold.
    package let lowWords: [UInt64]

    /// A table that was made before.
    init(slots: [UInt64], lowWords: [UInt64]) {
        precondition(slots.count == Self.slotCount && lowWords.count == Self.slotCount, "ten bits name a slot")
        self.slots = slots
        self.lowWords = lowWords
    }

    /// The table of a law, by Vose's method: slots that are not full are filled, one after another, from the first that
    /// is more than full. The queues are first in, first out, and begin in the order of the slots.
    ///
    /// - Parameter masses: in units of 2⁻¹²⁷; at most 1024 of them, with the sum 2^127.
    package init(masses: [UInt128]) {
        precondition(masses.count <= Self.slotCount, "one slot a value")
        precondition(masses.reduce(0, +) == 1 << 127, "the masses add up to one")
        var rest = masses + [UInt128](repeating: 0, count: Self.slotCount - masses.count)
        var slots = [UInt64](repeating: 0, count: Self.slotCount)
        var lowWords = slots
        func set(_ slot: Int, threshold: UInt128, alias: Int) {
            slots[slot] = UInt64(threshold >> 64) << 10 | UInt64(alias)
            lowWords[slot] = UInt64(truncatingIfNeeded: threshold)
        }
        var takers = rest.indices.filter { rest[$0] < Self.slotCapacity }
        let givers = rest.indices.filter { rest[$0] >= Self.slotCapacity }
        var (taken, given) = (0, 0)
        while taken < takers.count, given < givers.count {
            let (taker, giver) = (takers[taken], givers[given])
            taken += 1
            set(taker, threshold: rest[taker], alias: giver)
            rest[giver] -= Self.slotCapacity - rest[taker]
            if rest[giver] < Self.slotCapacity {
                takers.append(giver)
                given += 1
            }
        }
        // The sums agree, so what is left is exactly full.
        for slot in takers[taken...] + givers[given...] {
            set(slot, threshold: Self.slotCapacity, alias: slot)
        }
        self.slots = slots
        self.lowWords = lowWords
    }
}

// MARK: - The parts of a word r1

extension AliasTable {
    /// The bits of r1 that are compared with a threshold.
    static var fractionMask: UInt64 { 1 << 53 - 1 }
    /// The bits of a slot's entry that hold the alias.
    static var aliasMask: UInt64 { 1 << 10 - 1 }

    /// The value that r1 = `first` names; draws one more word where its bits equal the threshold's.
    func value<Words: RandomWords & ~Copyable>(
        of first: UInt64,
        _ words: inout WordBlock,
        _ stream: inout Words
    ) -> UInt64 {
        let slot = Int(first >> 54)
        let entry = slots[slot]
        let fraction = first & Self.fractionMask
        let keepsSlot =
            if fraction == entry >> 10 {
                words.next(from: &stream) < lowWords[slot]
            } else {
                fraction < entry >> 10
            }
        return keepsSlot ? UInt64(slot) : entry & Self.aliasMask
    }

    /// The magnitude with the sign that bit 53 of r1 = `first` gives; nil for the negative zero, which is rejected so
    /// that zero is not counted twice.
    static func signed(_ magnitude: UInt64, by first: UInt64) -> Int64? {
        guard first >> 53 & 1 == 1 else { return Int64(magnitude) }
        return magnitude == 0 ? nil : -Int64(magnitude)
    }
}
