// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import Kernels
import Networks
import Randomness
import TestKit
import Testing
import Training

/// Case A5: a logical step is the same step in whatever pieces it is computed.
@Suite struct VirtualBatchTests {
    private static let data = try? DatasetSource.load("digits").train.subset(0..<256)
    private static let steps = 24
    private let event = PrivacyEvent.discreteGaussian(sigma: 64, sensitivity: 1)

    /// Where training stands: all that the next step reads.
    private struct State: Equatable {
        var parameters: [Float]
        var optimizer: [Float] = []
        var events: [PrivacyEvent] = []
    }

    /// Steps of ten examples in the mean out of 256, by noise that is the same in every run. Who takes part in step k
    /// depends on k alone; steps 7 to 9 draw nobody.
    private func train(
        _ state: inout State,
        _ method: ClippingMethod,
        steps: Range<Int>,
        capacity: Int,
        workers: Int
    ) throws {
        let data = try #require(Self.data)
        let network = try Network(
            name: "t",
            input: Shape(data.exampleShape),
            classes: 10,
            layers: [.flatten, .linear(5), .tanh, .linear(10)]
        )
        if state.parameters.isEmpty { state.parameters = network.initialParameters(seed: 1) }
        let grid = try CertifiedGrid(clip: 0.5, dimension: network.parameterCount)
        let plan = try ClippingPlan(method, network: network, grid: grid, capacity: capacity)
        let pool = WorkerPool(workers: workers)
        let summer = GradientSummer(plan, pool: pool, examples: data.count)
        let workspace = StepWorkspace(summer: summer, mechanism: ConstantNoise(value: 1 << 12), pool: pool)
        let optimizer = try MomentumSGD(dimension: grid.dimension, learningRate: 0.3, momentum: 0.9)
        if !state.optimizer.isEmpty { try optimizer.restore(state.optimizer) }
        let parameters = Buffer(state.parameters)
        for number in steps {
            var coins = InsecureTestStream(seed: UInt64(number))
            var step = LogicalStep<CentralRelease>(
                workspace,
                dataset: data,
                sampler: try PoissonSampler(rate: (7..<10).contains(number) ? 0x1p-60 : 10.0 / 256),
                event: event,
                coins: &coins
            )
            step.sum(parameters: parameters)
            func record(_ event: PrivacyEvent) { state.events.append(event) }
            step.commit(account: record) { offset, sum in
                parameters.write(offset..<offset + sum.count) {
                    optimizer.step(at: offset, parameters: &$0, sum: sum, scale: grid.step / 10)
                }
            }
        }
        state.parameters = parameters.elements
        state.optimizer = optimizer.state
    }

    private func whole(_ method: ClippingMethod, capacity: Int, workers: Int = 1) throws -> State {
        var state = State(parameters: [])
        try train(&state, method, steps: 0..<Self.steps, capacity: capacity, workers: workers)
        #expect(state.events.count == Self.steps)
        return state
    }

    /// Ten are computed at once, or in pieces of which the last is smaller.
    @Test(arguments: [ClippingMethod.perExample, .exact])
    func piecesAreTheSameBits(method: ClippingMethod) throws {
        let once = try whole(method, capacity: 64)
        #expect(once.parameters.allSatisfy { $0.isFinite })
        for (capacity, workers) in [(1, 1), (3, 1), (4, 2), (10, 1), (10, 3)] {
            #expect(try whole(method, capacity: capacity, workers: workers) == once, "\(capacity), \(workers) workers")
        }
    }

    /// Where leaves are rounded, their capacity shows: by some steps of the grid, of which a clip norm has 1024 √d or more.
    @Test(arguments: [ClippingMethod.ghost, .mixedGhost, .bookKeeping, .bookKeepingMix, .perLayer, .auto])
    func piecesAreTheSame(method: ClippingMethod) throws {
        let once = try whole(method, capacity: 64)
        for capacity in [1, 3, 4, 10] {
            let other = try whole(method, capacity: capacity)
            let distance = relativeError(other.parameters.map(Double.init), once.parameters.map(Double.init))
            #expect(distance <= 2e-4, "\(capacity)")
            #expect(other.events == once.events)
            #expect(try whole(method, capacity: capacity, workers: 3) == other, "\(capacity)")
        }
    }

    /// Training that ends and goes on somewhere else, with everything made anew, between any two steps.
    @Test(arguments: [1, 8, 17])
    func resuming(at middle: Int) throws {
        var state = State(parameters: [])
        try train(&state, .exact, steps: 0..<middle, capacity: 3, workers: 2)
        try train(&state, .exact, steps: middle..<Self.steps, capacity: 8, workers: 1)
        let whole = try whole(.exact, capacity: 4)
        #expect(state == whole)
    }
}
