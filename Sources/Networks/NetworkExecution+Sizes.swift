// SPDX-License-Identifier: Apache-2.0

package import Kernels

extension NetworkExecution {
    /// How much an execution needs of what, before anything is allocated.
    struct Sizes {
        let schedule: Schedule
        let layout: ArenaLayout
        /// Nil where values rest in floats.
        let work: WorkLayout?
        /// Floats at rest, of operations' scratch, and of one example's gradients on their way through a chain.
        let values, scratch, passing: Int

        init(
            _ network: Network,
            _ kind: Schedule.Kind,
            capacity: Int,
            once: Set<Int>,
            atOnce: [Int: Int],
            _ numerics: Numerics
        ) {
            let schedule = Schedule(kind, network, once: once)
            let packs = numerics.storage != nil
            self.schedule = schedule
            layout = ArenaLayout(schedule, network, packs: packs)
            work = packs ? WorkLayout(schedule, layout, network, capacity: capacity, atOnce: atOnce) : nil
            values = layout.floats * capacity
            scratch =
                network.nodes
                .map { $0.operation.scratchCount(capacity: capacity, arithmetic: numerics.arithmetic) }.max() ?? 0
            passing =
                packs
                ? 0
                : schedule.actions.reduce(0) { count, action in
                    guard case .backwardThrough(let node) = action else { return count }
                    return max(count, TileChain.passingCount(node, network))
                }
        }
    }

    /// The bytes that an execution allocates.
    package static func plannedBytes(
        _ network: Network,
        schedule kind: Schedule.Kind,
        capacity: Int,
        once: Set<Int> = [],
        atOnce: [Int: Int] = [:],
        numerics: Numerics = .single
    ) -> Int {
        let sizes = Sizes(network, kind, capacity: capacity, once: once, atOnce: atOnce, numerics)
        let floats = sizes.values + sizes.scratch + sizes.passing
        let packed = sizes.work.map {
            WorkArea.plannedBytes(halves: sizes.layout.halves, floats: $0.count, capacity: capacity)
        }
        return floats * MemoryLayout<Float>.stride + capacity * MemoryLayout<UInt64>.stride + (packed ?? 0)
    }

    /// The bytes of everything that was allocated.
    package var allocatedBytes: Int {
        let packed = area.map { 2 * $0.bits.count + 4 * $0.floats.count + 8 * $0.seeds.count }
        return 4 * arena.count + 8 * seeds.count + (packed ?? 0)
    }

    /// The bytes that one more example of a tile takes at rest: activations, gradients and operations' state.
    package static func bytesPerExample(
        _ network: Network,
        schedule kind: Schedule.Kind,
        once: Set<Int> = [],
        storage: NumberFormat? = nil
    ) -> Int {
        let layout = ArenaLayout(Schedule(kind, network, once: once), network, packs: storage != nil)
        return max(1, layout.floats * MemoryLayout<Float>.stride + layout.halves * MemoryLayout<UInt16>.stride)
    }
}
