// SPDX-License-Identifier: Apache-2.0

import Kernels

/// A worker's values at rest in 16 bits, and the floats in which actions work on a few examples of them.
final class WorkArea {
    let format: NumberFormat
    /// Examples that have a place.
    let capacity: Int
    /// What rests.
    let bits: Buffer<UInt16>
    /// What is at work.
    let floats: Buffer<Float>
    /// The seeds of the examples at work.
    let seeds: Buffer<UInt64>
    /// Whose operands are at work, so that they are not brought twice; nil while nobody's are.
    var occupant: ObjectIdentifier?

    init(_ format: NumberFormat, halves: Int, floats: Int, capacity: Int) {
        self.format = format
        self.capacity = capacity
        bits = Buffer(count: halves * capacity)
        self.floats = Buffer(count: floats)
        seeds = Buffer(count: capacity)
    }

    /// Bytes beside those of the arena.
    static func plannedBytes(halves: Int, floats: Int, capacity: Int) -> Int {
        halves * capacity * MemoryLayout<UInt16>.stride + floats * MemoryLayout<Float>.stride
            + capacity * MemoryLayout<UInt64>.stride
    }

    /// `count` floats an example of a block of examples, `offset` floats an example from the beginning.
    func value(offset: Int, count: Int, block: Int) -> TileValue {
        TileValue(buffer: floats, offset: offset * block, count: count, capacity: block)
    }

    /// Between `place` and the beginning of the area.
    func move(_ place: ArenaLayout.Place) -> PackedMove {
        PackedMove(
            place,
            in: bits,
            capacity: capacity,
            work: value(offset: 0, count: place.count, block: 1),
            format: format
        )
    }

    /// Between where values rest and where an action has them.
    func moves(_ moves: [WorkPlan.Move], _ plan: WorkPlan, _ operation: (any Operation)?) -> [PackedMove] {
        moves.map { move in
            PackedMove(
                move.place,
                in: bits,
                capacity: capacity,
                work: value(offset: move.offset, count: move.place.count, block: plan.block),
                format: format,
                owner: move.isState ? operation : nil
            )
        }
    }
}
