// SPDX-License-Identifier: Apache-2.0

import Accounting
import CAllocations
import Datasets
import Kernels
import Networks
import Noise
import Randomness
import Testing
import Training

/// Steps take no memory: everything was taken at the start. In a process of its own, whose threads are known.
@Suite struct AllocationTests {
    /// A method's number, since a process takes nothing else.
    private static let methods = [
        ClippingMethod.none, .perExample, .exact, .ghost, .mixedGhost, .bookKeeping, .bookKeepingMix, .perLayer, .auto,
    ]

    /// What ten steps of drawing, summing, adding noise and reading take from the heap, after two others.
    private static func allocations(
        _ method: ClippingMethod,
        _ network: Network,
        examples: Int,
        storage: NumberFormat? = nil
    ) throws -> sotto_allocations {
        let data = FloatExamples(
            features: (0..<examples * network.input.count).map { Float($0 % 17) / 17 - 0.5 },
            featureCount: network.input.count,
            labels: (0..<examples).map { Int32($0 % network.classes) }
        )
        let grid = try CertifiedGrid(clip: 1, dimension: network.parameterCount)
        var options = ClippingPlan.Options()
        options.numerics = Numerics(storage: storage)
        let plan = try ClippingPlan(method, network: network, grid: grid, options: options, examples: examples)
        let pool = WorkerPool(workers: 3)
        let summer = GradientSummer(plan, pool: pool, examples: examples)
        let noise = NoiseSources(try DiscreteGaussian(multiple: 1 << 20), pool: pool)
        let optimizer = try MomentumSGD(dimension: grid.dimension, learningRate: 0.1, momentum: 0.9)
        let parameters = Buffer(network.initialParameters(seed: 1))
        let sampler = try PoissonSampler(rate: 0.2)
        var coins = SecretStream(.draw)
        func step() {
            summer.clear()
            if method != .none { noise.add(to: summer) }
            summer.draw(sampler, count: examples, from: &coins)
            summer.run(of: data, parameters: parameters)
            if method == .none {
                summer.readPlain { offset, sum in
                    parameters.write(offset..<offset + sum.count) {
                        optimizer.step(at: offset, parameters: &$0, plainSum: sum, scale: 1e-3)
                    }
                }
            } else {
                summer.read { offset, sum in
                    parameters.write(offset..<offset + sum.count) {
                        optimizer.step(at: offset, parameters: &$0, sum: sum, scale: 1e-9)
                    }
                }
            }
        }
        for _ in 0..<2 { step() }
        sotto_allocations_start()
        for _ in 0..<10 { step() }
        return sotto_allocations_stop()
    }

    /// All that a step takes are the closures that it hands to its workers: a few, of some bytes, however many examples
    /// there are. Not one number of a step is in memory that was not planned.
    @Test func stepsTakeNoMemory() async {
        await #expect(processExitsWith: .success) {
            let network = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
            for method in Self.methods {
                for examples in [100, 800] {
                    let taken = try Self.allocations(method, network, examples: examples)
                    #expect(taken.count <= 10 * 16, "\(method.rawValue), \(examples) examples: \(taken)")
                    #expect(taken.bytes <= 10 * 1024, "\(method.rawValue), \(examples) examples: \(taken)")
                }
            }
        }
    }

    /// Nor where activations and gradients rest in 16 bits.
    @Test func stepsInSixteenBitsTakeNoMemory() async {
        await #expect(processExitsWith: .success) {
            let network = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
            for method in Self.methods {
                let taken = try Self.allocations(method, network, examples: 400, storage: .bf16)
                #expect(taken.count <= 10 * 16, "\(method.rawValue): \(taken)")
                #expect(taken.bytes <= 10 * 1024, "\(method.rawValue): \(taken)")
            }
        }
    }

    /// What is counted: every way to take memory.
    @Test func allocationsAreCounted() async {
        await #expect(processExitsWith: .success) {
            sotto_allocations_start()
            let buffer = Buffer<Float>(count: 1000)
            var array = [Int](repeating: 0, count: 1000)
            for index in 0..<4096 { array.append(index) }
            let taken = sotto_allocations_stop()
            #expect(taken.count == -1 || taken.count >= 3)
            #expect(taken.bytes == -1 || taken.bytes >= 4 * 1000 + 8 * 1000 + 8 * 4096)
            #expect(buffer.count + array.count == 6096)
        }
    }
}
