// SPDX-License-Identifier: Apache-2.0

/// The split of one step's drawn examples into leaves, and of leaves into tiles.
///
/// Every drawn example comes with a random 64-bit key. The keys are strings of bits, most significant first, and a leaf
/// of capacity p is a maximal set of at most p examples that share a prefix no other example has: the buckets of a
/// binary trie. Hence adding one example to a draw changes one leaf and no other: a leaf (possibly an empty one) of
/// fewer than p members gains one, or a leaf of p members becomes two that hold its members and the new one. Leaves of
/// a smaller capacity refine those of a greater one.
///
/// Where more than p examples have one and the same key, the bits of their indices continue the key, so that leaves are
/// never larger than p. This is still a function of each example's own key and index. With random keys it happens in a
/// draw of n examples with probability below C(n, p + 1) 2^(-64 p).
///
/// Order within a leaf is that of the keys, so a leaf is the same whatever else was drawn. Nothing is allocated by
/// ``split(_:keys:)`` for up to as many examples as were reserved.
package struct LeafPartition: ~Copyable {
    private struct Member {
        var key: UInt64
        var index: Int
    }

    /// The capacities p, ascending and distinct.
    package let capacities: [Int]
    /// R: the most examples of a tile.
    package let rows: Int
    private let workers: Int
    /// The drawn examples' indices, leaf by leaf, in a leaf in the order of their keys. Leaves and tiles are ranges of this
    /// array.
    package private(set) var order: [Int] = []
    /// The tiles: in order, disjoint, together all of ``order``; each at most ``rows`` long and made of whole leaves of
    /// the greatest capacity.
    package private(set) var tiles: [Range<Int>] = []
    private var members: [Member] = []
    private var levels: [[Range<Int>]]
    private var packing: LeafPacking

    /// - Parameters:
    ///   - capacities: at least one, each in 1...rows; any order.
    ///   - rows: R, at least 1.
    ///   - workers: at least 1; tiles are made so that they can share them equally, as far as leaves allow it.
    ///   - examples: how many examples to take memory for.
    package init(capacities: [Int], rows: Int, workers: Int = 1, reserving examples: Int) {
        let sorted = Set(capacities).sorted()
        precondition(!sorted.isEmpty && sorted.allSatisfy { (1...rows).contains($0) }, "capacities are 1...rows")
        self.capacities = sorted
        self.rows = rows
        self.workers = workers
        levels = sorted.map { _ in [] }
        order.reserveCapacity(examples)
        tiles.reserveCapacity(examples)
        members.reserveCapacity(examples)
        for level in levels.indices { levels[level].reserveCapacity(examples) }
        packing = LeafPacking(rows: rows, levels: sorted.count, reserving: examples)
    }

    /// Bytes that a partition takes.
    package static func plannedBytes(examples: Int, capacities: Int) -> Int {
        let range = MemoryLayout<Range<Int>>.stride
        return examples * (MemoryLayout<Member>.stride + MemoryLayout<Int>.stride + (capacities + 1) * range)
            + LeafPacking.plannedBytes(examples: examples, levels: capacities)
    }

    /// Replaces the partition by that of these examples; the order in which they are given does not matter.
    ///
    /// - Parameters:
    ///   - indices: distinct, not negative.
    ///   - keys: one a drawn example, independent and uniform.
    package mutating func split(_ indices: Span<Int>, keys: Span<UInt64>) {
        precondition(indices.count == keys.count, "one key an example")
        members.removeAll(keepingCapacity: true)
        for place in indices.indices { members.append(Member(key: keys[place], index: indices[place])) }
        sort(0..<members.count, from: 0)
        order.removeAll(keepingCapacity: true)
        for member in members { order.append(member.index) }
        for level in levels.indices {
            levels[level].removeAll(keepingCapacity: true)
            if !members.isEmpty { appendLeaves(of: 0..<members.count, level: level) }
        }
        pack()
    }

    /// The leaves of this capacity, in order; together all of ``order``, none empty.
    ///
    /// - Parameter capacity: one of ``capacities``.
    package func leaves(capacity: Int) -> [Range<Int>] {
        guard let level = capacities.firstIndex(of: capacity) else { preconditionFailure("no such capacity") }
        return levels[level]
    }

    /// The leaves of this capacity that make up one of ``tiles``.
    package func leaves(capacity: Int, in tile: Range<Int>) -> ArraySlice<Range<Int>> {
        let all = leaves(capacity: capacity)
        return all[Self.first(all, from: tile.lowerBound)..<Self.first(all, from: tile.upperBound)]
    }

    /// Forgets the draw; keeps the memory.
    package mutating func clear() {
        order.removeAll(keepingCapacity: true)
        tiles.removeAll(keepingCapacity: true)
        members.removeAll(keepingCapacity: true)
        for level in levels.indices { levels[level].removeAll(keepingCapacity: true) }
    }

    /// The number of leaves that begin before `place`.
    private static func first(_ leaves: [Range<Int>], from place: Int) -> Int {
        var (low, high) = (0, leaves.count)
        while low < high {
            let middle = (low + high) / 2
            if leaves[middle].lowerBound < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Puts leaves into tiles, the largest that fits first, and all arrays into the order of the tiles.
    private mutating func pack() {
        tiles.removeAll(keepingCapacity: true)
        let count = order.count
        guard count > 0 else { return }
        let tilesEach = (count + rows * workers - 1) / (rows * workers)
        let enough = (count + tilesEach * workers - 1) / (tilesEach * workers)
        packing.sort(levels[levels.count - 1])
        while let first = packing.take(upTo: rows) {
            let start = packing.position
            move(first)
            while let next = packing.take(upTo: enough - (packing.position - start)) { move(next) }
            tiles.append(start..<packing.position)
        }
        packing.exchange(&order, &levels)
    }

    /// Takes over a leaf of the greatest capacity and those that refine it.
    private mutating func move(_ leaf: Range<Int>) {
        for level in levels.indices {
            let first = Self.first(levels[level], from: leaf.lowerBound)
            let end = Self.first(levels[level], from: leaf.upperBound)
            packing.append(levels[level][first..<end], from: leaf, level: level)
        }
        packing.append(order[leaf])
    }
}

// A member's string is its key and then its index: 128 bits, of which bit 0 is the first.
extension LeafPartition {
    private func bit(_ bit: Int, of member: Member) -> Bool {
        bit < 64 ? member.key >> (63 - bit) & 1 == 1 : member.index >> (127 - bit) & 1 == 1
    }

    /// The first bit in which two strings differ; 128 where they are equal.
    private func firstDifference(_ left: Member, _ right: Member) -> Int {
        let keys = (left.key ^ right.key).leadingZeroBitCount
        return keys < 64 ? keys : 64 + (left.index ^ right.index).leadingZeroBitCount
    }

    /// Radix exchange by the bits from `bit` on; in place, at most 128 calls deep.
    private mutating func sort(_ range: Range<Int>, from bit: Int) {
        guard range.count > 1, bit < 128 else { return }
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            if self.bit(bit, of: members[low]) {
                high -= 1
                members.swapAt(low, high)
            } else {
                low += 1
            }
        }
        sort(range.lowerBound..<low, from: bit + 1)
        sort(low..<range.upperBound, from: bit + 1)
    }

    /// Appends the leaves of the sorted `range`, which is not empty; at most 128 calls deep.
    private mutating func appendLeaves(of range: Range<Int>, level: Int) {
        let bit = firstDifference(members[range.lowerBound], members[range.upperBound - 1])
        guard range.count > capacities[level], bit < 128 else {
            levels[level].append(range)
            return
        }
        // The range shares all bits before this one: zeros come first, and there is at least one of each.
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if self.bit(bit, of: members[middle]) { high = middle } else { low = middle + 1 }
        }
        appendLeaves(of: range.lowerBound..<low, level: level)
        appendLeaves(of: low..<range.upperBound, level: level)
    }
}
