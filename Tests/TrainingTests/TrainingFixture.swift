// SPDX-License-Identifier: Apache-2.0

import Datasets
import Kernels
import Networks
import Noise
import Randomness
import TestKit
import Training

/// `Fixtures/training/training.json`.
struct TrainingFixture: Decodable {
    struct ClippedSum: Decodable {
        let model: String
        let clip: Double
        let clipped: Int
        let norm: Double
        let stride: Int
        let sum: [Double]
    }

    struct Momentum: Decodable {
        let learningRate: Double
        let momentum: Double
        let scale: Double
        let start: [Float]
        let sums: [[Int64]]
        let parameters: [[Float]]
        let velocity: [Float]
    }

    let examples: Int
    let sums: [ClippedSum]
    let momentum: Momentum

    static func load() throws -> TrainingFixture {
        try fixture("training/training.json", as: TrainingFixture.self)
    }
}

/// The pieces of a summing run on the digits.
struct Bench {
    let train: Dataset
    let test: Dataset
    let network: Network
    let grid: CertifiedGrid
    let parameters: Buffer<Float>

    init(_ model: String = "logistic", clip: Double = 1) throws {
        (train, test) = try DatasetSource.load("digits")
        network = try Network.preset(model, input: Shape(train.exampleShape), classes: train.classes)
        grid = try CertifiedGrid(clip: clip, dimension: network.parameterCount)
        parameters = Buffer(Bench.randomParameters(network.parameterCount))
    }

    func plan(_ method: ClippingMethod = .perExample, capacity: Int? = nil) throws -> ClippingPlan {
        try ClippingPlan(method, network: network, grid: grid, capacity: capacity, examples: train.count)
    }

    func summer(workers: Int = 1) throws -> GradientSummer {
        GradientSummer(try plan(), pool: WorkerPool(workers: workers))
    }

    func sum(_ indices: [Int], workers: Int = 1) throws -> [Int64] {
        let summer = try summer(workers: workers)
        var keys = InsecureTestStream(seed: 0)
        summer.take(indices, keysFrom: &keys)
        summer.run(of: train, parameters: parameters)
        return summer.integers
    }

    /// Uniform in ±1/8, as `make_fixtures.py` draws them.
    static func randomParameters(_ count: Int) -> [Float] {
        var stream = InsecureTestStream(seed: 7)
        return (0..<count).map { _ in (2 * stream.unitFloat() - 1) / 8 }
    }
}

extension Buffer {
    /// A copy of all elements.
    var elements: [Element] {
        read { span in span.indices.map { span[$0] } }
    }
}

extension GradientSummer {
    /// A copy of the sum.
    var integers: [Int64] {
        let copy = Buffer<Int64>(count: plan.network.parameterCount)
        read { copy.put($1, at: $0) }
        return copy.elements
    }
}

extension Buffer<Int64> {
    /// Copies values to a place.
    func put(_ values: Span<Int64>, at offset: Int) {
        write(offset..<offset + values.count) { target in
            for index in values.indices { target[index] = values[index] }
        }
    }
}

/// Σ v², exactly.
func sumOfSquares(_ values: [Int64]) -> Int128 {
    values.reduce(0) { $0 + Int128($1) * Int128($1) }
}

/// A mechanism whose samples are all the same, to see where noise goes.
struct ConstantNoise: NoiseMechanism {
    let value: Int64
    var name: String { "constant" }
    var standardDeviation: Double { 0 }
    var variance: Double { 0 }

    func fill<Words: RandomWords & ~Copyable>(
        _ out: inout MutableSpan<Int64>,
        from stream: inout Words,
        by words: inout WordBlock
    ) {
        for index in out.indices { out[index] = value }
    }
}
