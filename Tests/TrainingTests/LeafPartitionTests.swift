// SPDX-License-Identifier: Apache-2.0

import Randomness
import TestKit
import Testing
import Training

@Suite struct LeafPartitionTests {
    private static let capacities = [1, 3, 8, 32]

    private struct Draw {
        var indices: [Int]
        var keys: [UInt64]
    }

    /// Keys of every kind that a trie could go wrong on.
    private static func draw(_ kind: Int, count: Int, seed: UInt64) -> Draw {
        var stream = InsecureTestStream(seed: seed)
        let keys: [UInt64] = (0..<count).map { place in
            let word = stream.next()
            return switch kind {
            case 0: word
            case 1: word >> 58  // differ in the last 6 bits only
            case 2: word & 0x8000_0000_0000_0001  // in the first and the last
            case 3: UInt64(1) << (word >> 58)  // prefixes of every length
            case 4: UInt64.max << (word >> 58)
            case 5: 42  // all equal
            default: place % 3 == 0 ? word : word >> 40
            }
        }
        let indices = (0..<count).map { place in place * 7 + Int(stream.next() % 7) }
        return Draw(indices: indices, keys: keys)
    }

    private static func leaves(_ draw: Draw, capacity: Int) -> Set<[Int]> {
        var partition = LeafPartition(capacities: capacities, rows: 32, reserving: 0)
        partition.split(draw.indices.span, keys: draw.keys.span)
        let order = partition.order
        return Set(partition.leaves(capacity: capacity).map { Array(order[$0]) })
    }

    /// Leaves by the definition: every prefix with at most p members whose parent has more.
    private static func leavesByPrefix(_ draw: Draw, capacity: Int) -> Set<[Int]> {
        var leaves: Set<[Int]> = []
        var nodes = [Array(draw.indices.indices)]
        var depth = 0
        while !nodes.isEmpty {
            var next: [[Int]] = []
            for node in nodes where !node.isEmpty {
                if node.count <= capacity {
                    let sorted = node.sorted {
                        (draw.keys[$0], draw.indices[$0]) < (draw.keys[$1], draw.indices[$1])
                    }
                    leaves.insert(sorted.map { draw.indices[$0] })
                } else {
                    func bit(_ place: Int) -> Bool {
                        depth < 64
                            ? draw.keys[place] >> UInt64(63 - depth) & 1 == 1
                            : draw.indices[place] >> (127 - depth) & 1 == 1
                    }
                    next.append(node.filter { !bit($0) })
                    next.append(node.filter { bit($0) })
                }
            }
            nodes = next
            depth += 1
        }
        return leaves
    }

    @Test(arguments: 0..<7) func isTheTrie(kind: Int) {
        for count in [0, 1, 2, 8, 9, 33, 200] {
            let draw = Self.draw(kind, count: count, seed: UInt64(count))
            for capacity in Self.capacities {
                #expect(
                    Self.leaves(draw, capacity: capacity) == Self.leavesByPrefix(draw, capacity: capacity),
                    "\(count) examples, capacity \(capacity)"
                )
            }
        }
    }

    /// One more example: one leaf grows by it, or a full one becomes two, and every other leaf stays the same.
    @Test(arguments: 0..<7) func oneExampleChangesOneLeaf(kind: Int) {
        for count in [1, 2, 9, 10, 33, 34, 150] {
            let all = Self.draw(kind, count: count, seed: UInt64(1000 + count))
            for left in 0..<count {
                var fewer = all
                fewer.indices.remove(at: left)
                fewer.keys.remove(at: left)
                for capacity in Self.capacities {
                    let after = Self.leaves(all, capacity: capacity)
                    let before = Self.leaves(fewer, capacity: capacity)
                    let gone = before.subtracting(after)
                    let new = after.subtracting(before)
                    #expect(gone.count <= 1)
                    #expect(Set(new.joined()) == Set(gone.joined()).union([all.indices[left]]))
                    let wasFull = gone.first?.count == capacity
                    #expect(new.count == (wasFull ? 2 : 1))
                    #expect(after.allSatisfy { (1...capacity).contains($0.count) })
                }
            }
        }
    }

    @Test(arguments: 0..<7) func orderOfTheDrawDoesNotMatter(kind: Int) {
        let draw = Self.draw(kind, count: 100, seed: 5)
        var stream = InsecureTestStream(seed: 6)
        var one = LeafPartition(capacities: Self.capacities, rows: 40, reserving: 10)
        one.split(draw.indices.span, keys: draw.keys.span)
        for _ in 0..<10 {
            let shuffle = (0..<100).map { ($0, stream.next()) }.sorted { $0.1 < $1.1 }.map(\.0)
            let indices = shuffle.map { draw.indices[$0] }
            let keys = shuffle.map { draw.keys[$0] }
            var other = LeafPartition(capacities: Self.capacities.reversed(), rows: 40, reserving: 10)
            other.split([1, 2, 3].span, keys: [3, 2, 1].span)
            other.split(indices.span, keys: keys.span)
            #expect(one.order == other.order && one.tiles == other.tiles)
            for capacity in Self.capacities {
                #expect(one.leaves(capacity: capacity) == other.leaves(capacity: capacity))
            }
        }
    }

    @Test(arguments: 0..<7) func leavesNestAndTilesCutNone(kind: Int) {
        for (count, rows) in [(0, 32), (1, 32), (32, 32), (33, 32), (400, 32), (400, 100)] {
            let draw = Self.draw(kind, count: count, seed: UInt64(count + rows))
            var partition = LeafPartition(capacities: Self.capacities, rows: rows, reserving: count)
            partition.split(draw.indices.span, keys: draw.keys.span)
            #expect(partition.order.sorted() == draw.indices.sorted())
            var coarser: [Range<Int>] = partition.tiles
            #expect(coarser.allSatisfy { !$0.isEmpty && $0.count <= rows })
            // A tile that has room for more is followed by leaves that do not fit into it.
            let enough = count == 0 ? 0 : (count - 1) / ((count - 1) / rows + 1) + 1
            for (index, tile) in partition.tiles.enumerated() {
                for later in partition.tiles.dropFirst(index + 1) {
                    let leaves = partition.leaves(capacity: 32, in: later)
                    #expect(leaves.allSatisfy { tile.count + $0.count > enough })
                }
            }
            for capacity in partition.capacities.reversed() {
                let leaves = partition.leaves(capacity: capacity)
                #expect(leaves.flatMap { Array($0) } == Array(0..<count))
                #expect(
                    leaves.allSatisfy { leaf in coarser.contains { $0.contains(leaf.first!) && $0.contains(leaf.last!) }
                    }
                )
                let inTiles = partition.tiles.flatMap { partition.leaves(capacity: capacity, in: $0) }
                #expect(inTiles == leaves)
                coarser = leaves
            }
            partition.clear()
            #expect(partition.order.isEmpty && partition.tiles.isEmpty && partition.leaves(capacity: 8).isEmpty)
        }
    }

    @Test func reservedMemoryIsKept() {
        let draw = Self.draw(0, count: 300, seed: 1)
        var partition = LeafPartition(capacities: Self.capacities, rows: 32, reserving: 300)
        let before = partition.order.capacity
        for _ in 0..<3 { partition.split(draw.indices.span, keys: draw.keys.span) }
        #expect(partition.order.capacity == before)
    }
}
