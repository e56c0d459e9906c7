// SPDX-License-Identifier: Apache-2.0

/// The order in which leaves come so that they fill tiles: leaves by size, and the arrays that take them over.
///
/// Which leaves share a tile changes no sum. Nothing is allocated for up to as many examples as were reserved.
struct LeafPacking {
    /// Leaves by size, each list linked by ``next``; -1 at its end.
    private var heads: [Int]
    private var next: [Int] = []
    private var leaves: [Range<Int>] = []
    private var largest = 0
    private var order: [Int] = []
    private var levels: [[Range<Int>]]

    init(rows: Int, levels count: Int, reserving examples: Int) {
        heads = Array(repeating: -1, count: rows + 1)
        levels = Array(repeating: [], count: count)
        next.reserveCapacity(examples)
        leaves.reserveCapacity(examples)
        order.reserveCapacity(examples)
        for level in levels.indices { levels[level].reserveCapacity(examples) }
    }

    /// Bytes that it takes, beside eight for every row of a tile.
    static func plannedBytes(examples: Int, levels: Int) -> Int {
        examples * (2 * MemoryLayout<Int>.stride + (levels + 1) * MemoryLayout<Range<Int>>.stride)
    }

    /// Starts with these leaves, at most `rows` long.
    mutating func sort(_ leaves: [Range<Int>]) {
        order.removeAll(keepingCapacity: true)
        for level in levels.indices { levels[level].removeAll(keepingCapacity: true) }
        for size in heads.indices { heads[size] = -1 }
        next.removeAll(keepingCapacity: true)
        self.leaves.removeAll(keepingCapacity: true)
        largest = 0
        // The first leaf of a size shall be taken first.
        for leaf in leaves.reversed() {
            next.append(heads[leaf.count])
            heads[leaf.count] = self.leaves.count
            self.leaves.append(leaf)
            largest = max(largest, leaf.count)
        }
    }

    /// Takes one of the largest leaves of at most `room` examples; nil where there is none.
    mutating func take(upTo room: Int) -> Range<Int>? {
        while largest > 0, heads[largest] < 0 { largest -= 1 }
        var size = min(room, largest)
        while size > 0, heads[size] < 0 { size -= 1 }
        guard size > 0 else { return nil }
        let leaf = heads[size]
        heads[size] = next[leaf]
        return leaves[leaf]
    }

    /// How many examples were taken over.
    var position: Int { order.count }

    /// Takes over leaves that lie in `leaf`, before its examples.
    mutating func append(_ parts: ArraySlice<Range<Int>>, from leaf: Range<Int>, level: Int) {
        let shift = order.count - leaf.lowerBound
        for part in parts { levels[level].append(part.lowerBound + shift..<part.upperBound + shift) }
    }

    /// Takes over the examples of a leaf.
    mutating func append(_ examples: ArraySlice<Int>) {
        order.append(contentsOf: examples)
    }

    /// Gives what was taken over, and takes other memory for it.
    mutating func exchange(_ order: inout [Int], _ levels: inout [[Range<Int>]]) {
        swap(&self.order, &order)
        swap(&self.levels, &levels)
    }
}
