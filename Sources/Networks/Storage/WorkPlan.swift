// SPDX-License-Identifier: Apache-2.0

/// Where one action has its values while it runs, if they rest in 16 bits: what it brings to the work area and what it leaves.
///
/// All offsets are floats of one example. Values that rest in floats are not here: an action reads and writes them where they
/// are.
struct WorkPlan: Sendable {
    /// A value on its way between its resting place and the work area.
    struct Move: Hashable, Sendable {
        let place: ArenaLayout.Place
        let offset: Int
        /// Whether it is the operation's state rather than numbers that are rounded.
        var isState = false
    }

    /// What is brought before the action, and what it leaves after it.
    private(set) var loads: [Move] = []
    private(set) var stores: [Move] = []
    /// What a chain brings after its first part.
    private(set) var lateLoads: [Move] = []
    /// Where in the work area a resting value is.
    private(set) var offsets: [ArenaLayout.Place: Int] = [:]
    /// Where gradients are that rest nowhere: of every input whose gradient is added to another; in a chain, of the
    /// activation's output and of the pooling's.
    private(set) var passing: [Int?] = []
    /// Floats that the work area needs for one example.
    private(set) var count = 0
    /// Examples that are at work at once.
    var block = 1

    init(_ action: Schedule.Action, _ places: ArenaLayout.ActionPlaces, _ network: Network) {
        switch action {
        case .forward(let node): forward(network.nodes[node].operation, places)
        case .loss:
            load(places.output)
            store(places.outputGradient)
        case .backward(let node): backward(network.nodes[node].operation, places)
        case .backwardThrough(let node): backwardThrough(node, places, network)
        case .gradient(let node, _):
            let operation = network.nodes[node].operation
            if !operation.gradientFollowsBackward { load(places.outputGradient) }
            load(operation.gradientNeeds, places)
        case .end: break
        }
    }

    /// Room for so many floats an example, aligned so that a block of examples begins at a multiple of 64 bytes.
    private mutating func room(_ floats: Int) -> Int {
        defer { count += (floats + 15) / 16 * 16 }
        return count
    }

    private mutating func offset(_ place: ArenaLayout.Place) -> Int {
        if let known = offsets[place] { return known }
        let found = room(place.count)
        offsets[place] = found
        return found
    }

    private mutating func load(_ place: ArenaLayout.Place?, isState: Bool = false) {
        guard let place, place.room == .halves, offsets[place] == nil else { return }
        loads.append(Move(place: place, offset: offset(place), isState: isState))
    }

    private mutating func store(_ place: ArenaLayout.Place?, isState: Bool = false) {
        guard let place, place.room == .halves else { return }
        let move = Move(place: place, offset: offset(place), isState: isState)
        if !stores.contains(move) { stores.append(move) }
    }

    private mutating func load(_ needs: Needs, _ places: ArenaLayout.ActionPlaces) {
        if needs.contains(.input) { for input in places.inputs { load(input) } }
        if needs.contains(.output) { load(places.output) }
        if needs.contains(.state) { load(places.state, isState: true) }
    }

    private mutating func forward(_ operation: any Operation, _ places: ArenaLayout.ActionPlaces) {
        guard !operation.isView else { return }
        for input in places.inputs { load(input) }
        store(places.output)
        store(places.state, isState: true)
    }

    private mutating func backward(_ operation: any Operation, _ places: ArenaLayout.ActionPlaces) {
        // A view's gradient is there already, unless it is added to another.
        if operation.isView, places.sums.allSatisfy({ $0 == nil }) { return }
        load(places.outputGradient)
        load(operation.backwardNeeds, places)
        if operation.gradientFollowsBackward { store(places.state, isState: true) }
        for (gradient, sum) in zip(places.inputGradients, places.sums) {
            guard let gradient else {
                passing.append(nil)
                continue
            }
            // What an action computes first and then adds to is not there before.
            load(sum)
            store(sum ?? gradient)
            passing.append(sum == nil ? nil : room(gradient.count))
        }
    }

    /// The gradient by the activation's output comes to lie first; the activation's output takes the place of what is read
    /// before it.
    private mutating func backwardThrough(_ node: Int, _ places: ArenaLayout.ActionPlaces, _ network: Network) {
        guard let index = network.pooling(ofChain: node) else { preconditionFailure("no chain begins here") }
        let pooling = network.nodes[index].operation
        let before = places.inputs[0]
        let gradient = room(before.count)
        let start = count
        passing = [gradient, node == index ? nil : room(pooling.output.count)]
        load(places.outputGradient)
        load(pooling.backwardNeeds, places)
        // Tokens, which rest in floats, have no gradient.
        precondition(before.room == .halves, "a chain ends at tokens")
        stores = [Move(place: before, offset: gradient)]
        lateLoads = [Move(place: before, offset: start)]
        offsets[before] = start
        count = max(count, start + (before.count + 15) / 16 * 16)
    }
}

/// The work area of a schedule: large enough for one example of every action, and small next to what rests.
struct WorkLayout: Sendable {
    /// One for every action.
    private(set) var plans: [WorkPlan]
    /// Floats of the whole area.
    let count: Int

    /// - Parameter atOnce: the fewest examples of a node whose operands must be there together.
    init(_ schedule: Schedule, _ layout: ArenaLayout, _ network: Network, capacity: Int, atOnce: [Int: Int]) {
        plans = zip(schedule.actions, layout.places).map { WorkPlan($0, $1, network) }
        let required = schedule.actions.map { action in
            guard case .gradient(let node, _) = action, let examples = atOnce[node] else { return 1 }
            return min(capacity, max(1, examples))
        }
        let ends = max(network.input.count, layout.logits.count)
        let least = zip(plans, required).reduce(ends) { max($0, $1.0.count * $1.1) }
        // A thirty-second of the numbers at rest, and so a sixteenth of their bytes.
        let budget = max(least, layout.halves * capacity / 32)
        var count = ends
        for index in plans.indices {
            plans[index].block = min(capacity, max(required[index], budget / max(1, plans[index].count)))
            count = max(count, plans[index].block * plans[index].count)
        }
        self.count = count
    }
}
