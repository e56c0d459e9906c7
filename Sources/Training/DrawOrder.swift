// SPDX-License-Identifier: Apache-2.0

import Datasets
import Randomness

/// Who was drawn for a step, in the order in which they are computed, and how they are split into tiles.
///
/// `@unchecked Sendable` because it changes only between the steps, while no worker runs.
final class DrawOrder: @unchecked Sendable {
    private var indices: [Int] = []
    private var keys: [UInt64] = []
    private var partition: LeafPartition?
    private let usesLeaves: Bool
    private let rows: Int
    private let workers: Int
    /// The tiles, as ranges of positions.
    private(set) var tiles: [Range<Int>] = []

    /// - Parameters:
    ///   - capacities: of leaves; empty where nothing depends on leaves.
    ///   - rows: examples of a tile.
    ///   - examples: for how many to take memory at once.
    init(capacities: [Int], rows: Int, workers: Int, examples: Int) {
        usesLeaves = !capacities.isEmpty
        self.rows = rows
        self.workers = workers
        indices.reserveCapacity(examples)
        tiles.reserveCapacity(examples)
        if !capacities.isEmpty {
            keys.reserveCapacity(examples)
            partition = LeafPartition(capacities: capacities, rows: rows, workers: workers, reserving: examples)
        }
    }

    /// Draws a step: one secret coin for each of `count` examples and, where there are leaves, a random key for each drawn.
    func draw(_ sampler: PoissonSampler, count: Int, from coins: inout some RandomWords & ~Copyable) {
        sampler.draw(count: count, from: &coins, into: &indices)
        arrange(&coins)
    }

    /// Takes given examples, for tests and measurements.
    func take(_ examples: some Sequence<Int>, keysFrom coins: inout some RandomWords & ~Copyable) {
        indices.removeAll(keepingCapacity: true)
        indices.append(contentsOf: examples)
        arrange(&coins)
    }

    private func arrange(_ coins: inout some RandomWords & ~Copyable) {
        guard usesLeaves else {
            chunk()
            return
        }
        keys.removeAll(keepingCapacity: true)
        for _ in indices { keys.append(coins.next()) }
        partition?.split(indices.span, keys: keys.span)
        tiles.removeAll(keepingCapacity: true)
        tiles.append(contentsOf: partition?.tiles ?? [])
    }

    /// Tiles of equal length, at least one for each worker where there are as many examples.
    private func chunk() {
        tiles.removeAll(keepingCapacity: true)
        let count = indices.count
        guard count > 0 else { return }
        let rounds = (count + rows * workers - 1) / (rows * workers)
        let pieces = min(count, rounds * workers)
        for piece in 0..<pieces {
            tiles.append(count * piece / pieces..<count * (piece + 1) / pieces)
        }
    }

    /// How many were drawn.
    var count: Int { indices.count }

    /// The example at a position.
    func index(_ position: Int) -> Int {
        partition?.order[position] ?? indices[position]
    }

    /// The leaves that make up a tile.
    func leaves(capacity: Int, in tile: Range<Int>) -> ArraySlice<Range<Int>> {
        partition?.leaves(capacity: capacity, in: tile) ?? []
    }

    /// Forgets who was drawn.
    func clear() {
        indices.removeAll(keepingCapacity: true)
        keys.removeAll(keepingCapacity: true)
        tiles.removeAll(keepingCapacity: true)
        partition?.clear()
    }

    /// Bytes for this many examples.
    static func plannedBytes(examples: Int, capacities: Int) -> Int {
        let own = examples * (2 * MemoryLayout<Int>.stride + MemoryLayout<Range<Int>>.stride)
        return capacities == 0 ? own : own + LeafPartition.plannedBytes(examples: examples, capacities: capacities)
    }
}
