// SPDX-License-Identifier: Apache-2.0

import Kernels

/// Brings one value from where it rests in 16 bits to where an action works on it, and back.
struct PackedMove: Sendable {
    private let bits: Buffer<UInt16>
    /// Where example 0 rests.
    private let offset: Int
    /// Where the first example that is brought comes to lie.
    private let work: TileValue
    private let format: NumberFormat
    /// Whose state it is; nil for numbers.
    private let owner: (any Operation)?

    /// - Parameters:
    ///   - capacity: examples that rest in `bits`.
    ///   - work: has room for a block of examples.
    init(
        _ place: ArenaLayout.Place,
        in bits: Buffer<UInt16>,
        capacity: Int,
        work: TileValue,
        format: NumberFormat,
        owner: (any Operation)? = nil
    ) {
        self.bits = bits
        offset = place.offset * capacity
        self.work = work
        self.format = format
        self.owner = owner
    }

    private func bits(_ examples: Range<Int>) -> Range<Int> {
        offset + examples.lowerBound * work.count..<offset + examples.upperBound * work.count
    }

    /// Brings some examples.
    func unpack(_ examples: Range<Int>) {
        if let owner {
            for (row, example) in examples.enumerated() {
                bits.read(bits(example..<example + 1)) { bits in
                    work.buffer.write(work.range(row)) { owner.unpackState(bits, into: &$0) }
                }
            }
            return
        }
        bits.read(bits(examples)) { bits in
            work.buffer.write(work.range(0..<examples.count)) { format.unpack(bits, into: &$0) }
        }
    }

    /// Leaves some examples, every number rounded to the nearest of the format.
    func pack(_ examples: Range<Int>) {
        if let owner {
            for (row, example) in examples.enumerated() {
                work.buffer.read(work.range(row)) { state in
                    bits.write(bits(example..<example + 1)) { owner.packState(state, into: &$0) }
                }
            }
            return
        }
        work.buffer.read(work.range(0..<examples.count)) { values in
            bits.write(bits(examples)) { format.pack(values, into: &$0) }
        }
    }
}
