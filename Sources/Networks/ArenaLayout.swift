// SPDX-License-Identifier: Apache-2.0

/// Where every value of a schedule lies in an arena, by lifetimes: two values share a place when they never live at once.
///
/// All sizes and offsets are numbers of an example; a tile of n examples takes n times as much.
struct ArenaLayout: Sendable {
    /// What a value rests in.
    enum Room: Hashable, Sendable {
        /// Floats.
        case floats
        /// 16 bits each.
        case halves
        /// It is made and read by one action, and has no place between actions.
        case nowhere
    }

    /// A value's place.
    struct Place: Hashable, Sendable {
        var room = Room.floats
        let offset: Int
        let count: Int
    }

    /// The places that one action uses; nil where it does not use one.
    struct ActionPlaces: Sendable {
        var inputs: [Place] = []
        var output: Place?
        var state: Place?
        var inputGradients: [Place?] = []
        var outputGradient: Place?
        /// For inputs whose gradient gets several contributions: where this one is added after it was computed.
        var sums: [Place?] = []
        var isInPlace = false
        var isGradientInPlace = false
    }

    /// Floats and numbers of 16 bits of an example.
    private(set) var floats = 0
    private(set) var halves = 0
    /// As many as the schedule has actions.
    private(set) var places: [ActionPlaces] = []
    /// Where the input is loaded and where the logits are at the end.
    private(set) var input = Place(offset: 0, count: 0)
    private(set) var logits = Place(offset: 0, count: 0)

    /// - Parameter packs: whether values rest in 16 bits, all but tokens and what operations keep in their state.
    init(_ schedule: Schedule, _ network: Network, packs: Bool = false) {
        var lifetimes = Lifetimes(schedule, network, packs: packs)
        lifetimes.run()
        var starts = [Int](repeating: 0, count: lifetimes.values.count)
        floats = lifetimes.fit(.floats, into: &starts)
        halves = lifetimes.fit(.halves, into: &starts)
        let all = lifetimes.values.indices.map { index in
            Place(room: lifetimes.values[index].room, offset: starts[index], count: lifetimes.values[index].count)
        }
        places = lifetimes.uses.map { use in
            func place(_ value: Int?) -> Place? { value.map { all[$0] } }
            return ActionPlaces(
                inputs: use.inputs.compactMap(place),
                output: place(use.output),
                state: place(use.state),
                inputGradients: use.inputGradients.map(place),
                outputGradient: place(use.outputGradient),
                sums: use.sums.map(place),
                isInPlace: use.isInPlace,
                isGradientInPlace: use.isGradientInPlace
            )
        }
        input = all[lifetimes.input]
        logits = all[lifetimes.logits]
    }
}

/// Walks through a schedule and finds from when to when each value lives.
private struct Lifetimes {
    struct Value {
        let count: Int
        let first: Int
        var last: Int
        var room: ArenaLayout.Room
    }

    struct Use {
        var inputs: [Int] = []
        var output: Int?
        var state: Int?
        var inputGradients: [Int?] = []
        var outputGradient: Int?
        var sums: [Int?] = []
        var isInPlace = false
        var isGradientInPlace = false
    }

    private let schedule: Schedule
    private let network: Network
    private let packs: Bool
    private let consumers: [Int]
    private(set) var values: [Value] = []
    private(set) var uses: [Use] = []
    private(set) var input = 0
    private(set) var logits = 0
    /// The living value of each graph value, gradient and state.
    private var activations: [Int?]
    private var gradients: [Int?]
    private var states: [Int?]

    init(_ schedule: Schedule, _ network: Network, packs: Bool) {
        self.schedule = schedule
        self.network = network
        self.packs = packs
        var consumers = [Int](repeating: 0, count: network.nodes.count + 1)
        for node in network.nodes {
            for input in node.inputs { consumers[input] += 1 }
        }
        self.consumers = consumers
        activations = Array(repeating: nil, count: network.nodes.count + 1)
        gradients = activations
        states = Array(repeating: nil, count: network.nodes.count)
    }

    mutating func run() {
        input = make(network.input.count, at: 0)
        activations[0] = input
        for (time, action) in schedule.actions.enumerated() {
            switch action {
            case .forward(let node): forward(node, at: time)
            case .loss: loss(at: time)
            case .backward(let node): backward(node, at: time)
            case .backwardThrough(let node): backwardThrough(node, at: time)
            case .gradient(let node, _): gradient(node, at: time)
            case .end: uses.append(Use())
            }
        }
        if let last = activations[network.nodes.count] {
            logits = last
            read(last, at: schedule.kind == .forward ? schedule.actions.count : values[last].last)
        }
    }

    private mutating func make(_ count: Int, at time: Int, room: ArenaLayout.Room? = nil) -> Int {
        values.append(Value(count: count, first: time, last: time, room: room ?? (packs ? .halves : .floats)))
        return values.count - 1
    }

    private mutating func read(_ value: Int, at time: Int) {
        values[value].last = max(values[value].last, time)
    }

    private func needs(_ node: Int) -> Needs {
        guard schedule.kind != .forward else { return [] }
        let operation = network.nodes[node].operation
        var needs = operation.parameters.isEmpty ? [] : operation.gradientNeeds
        let passesGradient = network.nodes[node].inputs.contains { network.needsGradient($0) }
        if passesGradient || operation.gradientFollowsBackward {
            needs.formUnion(operation.backwardNeeds)
        }
        return needs
    }

    /// Whether nobody but its one reader reads what is in a value's place.
    private func isFree(_ value: Int) -> Bool {
        guard value > 0, consumers[value] == 1, !needs(value - 1).contains(.output) else { return false }
        let maker = network.nodes[value - 1]
        return !maker.operation.isView || isFree(maker.inputs[0])
    }

    private mutating func forward(_ index: Int, at time: Int) {
        let node = network.nodes[index]
        let operation = node.operation
        var use = Use()
        use.inputs = node.inputs.map { value in
            guard let place = activations[value] else { preconditionFailure("a value is read before it is made") }
            return place
        }
        for place in use.inputs { read(place, at: time) }
        // Not every token is a number of 16 bits.
        if operation.vocabulary != nil { values[use.inputs[0]].room = .floats }
        let isFree = operation.worksInPlace && isFree(node.inputs[0]) && !needs(index).contains(.input)
        use.isInPlace = operation.isView || isFree
        let output = use.isInPlace ? use.inputs[0] : make(operation.output.count, at: time)
        use.output = output
        activations[index + 1] = output
        if operation.stateCount > 0 {
            let room: ArenaLayout.Room = packs && operation.packsState ? .halves : .floats
            states[index] = make(operation.stateCount, at: time, room: room)
            use.state = states[index]
        }
        uses.append(use)
    }

    private mutating func loss(at time: Int) {
        guard let logits = activations[network.nodes.count] else { preconditionFailure("there are no logits") }
        read(logits, at: time)
        gradients = Array(repeating: nil, count: network.nodes.count + 1)
        let gradient = make(values[logits].count, at: time)
        gradients[network.nodes.count] = gradient
        uses.append(Use(output: logits, outputGradient: gradient))
    }

    /// The part of a use that backward and gradient share: what is read.
    private mutating func reading(_ index: Int, _ needs: Needs, readsGiven: Bool = true, at time: Int) -> Use {
        let node = network.nodes[index]
        var use = Use()
        guard let given = gradients[index + 1] else { preconditionFailure("a gradient is read before it is made") }
        if readsGiven { read(given, at: time) }
        use.outputGradient = given
        for value in node.inputs {
            guard let place = activations[value] else { preconditionFailure("an input is missing") }
            if needs.contains(.input) { read(place, at: time) }
            use.inputs.append(place)
        }
        use.output = activations[index + 1]
        if needs.contains(.output), let output = use.output { read(output, at: time) }
        use.state = states[index]
        if needs.contains(.state), let state = use.state { read(state, at: time) }
        return use
    }

    private mutating func gradient(_ index: Int, at time: Int) {
        let operation = network.nodes[index].operation
        let readsGiven = !operation.gradientFollowsBackward
        uses.append(reading(index, operation.gradientNeeds, readsGiven: readsGiven, at: time))
    }

    private mutating func backward(_ index: Int, at time: Int) {
        let node = network.nodes[index]
        let operation = node.operation
        var use = reading(index, operation.backwardNeeds, at: time)
        // A kept gradient of a node with parameters is still to be lent; any other is read here for the last time.
        let isFree = operation.parameters.isEmpty
        for (position, value) in node.inputs.enumerated() {
            guard network.needsGradient(value) else {
                use.inputGradients.append(nil)
                use.sums.append(nil)
                continue
            }
            if let sum = gradients[value] {
                read(sum, at: time)
                use.inputGradients.append(make(values[sum].count, at: time, room: packs ? .nowhere : .floats))
                use.sums.append(sum)
                continue
            }
            let inPlace =
                position == 0 && (operation.isView || operation.worksInPlace && isFree && node.inputs.count == 1)
            let place = inPlace ? use.outputGradient : make(network.shape(of: value).count, at: time)
            use.isGradientInPlace = use.isGradientInPlace || inPlace
            gradients[value] = place
            use.inputGradients.append(place)
            use.sums.append(nil)
        }
        uses.append(use)
    }

    private mutating func backwardThrough(_ node: Int, at time: Int) {
        guard let index = network.pooling(ofChain: node) else { preconditionFailure("no chain begins here") }
        guard let given = gradients[node + 1] else { preconditionFailure("a gradient is read before it is made") }
        // A gradient that comes by way of a convolution is nowhere for more than one example.
        gradients[index + 1] = given
        var use = reading(index, network.nodes[index].operation.backwardNeeds, at: time)
        read(use.inputs[0], at: time)
        use.inputGradients = [use.inputs[0]]
        use.sums = [nil]
        gradients[network.nodes[index - 1].inputs[0]] = use.inputs[0]
        uses.append(use)
    }

    /// Places the values of one room: first fit, greatest first; starts are multiples of 16, so that tiles of floats are
    /// aligned to 64 bytes. Gives the numbers that all of them take.
    func fit(_ room: ArenaLayout.Room, into starts: inout [Int]) -> Int {
        var placed: [Int] = []
        var total = 0
        let members = values.indices.filter { values[$0].room == room }
        for value in members.sorted(by: { values[$0].count > values[$1].count }) {
            let neighbours = placed.filter { other in
                values[other].first <= values[value].last && values[value].first <= values[other].last
            }
            var start = 0
            for other in neighbours.sorted(by: { starts[$0] < starts[$1] }) {
                guard starts[other] < start + Self.aligned(values[value].count) else { break }
                start = max(start, starts[other] + Self.aligned(values[other].count))
            }
            starts[value] = start
            placed.append(value)
            total = max(total, start + Self.aligned(values[value].count))
        }
        return total
    }

    private static func aligned(_ count: Int) -> Int { (count + 15) / 16 * 16 }
}
