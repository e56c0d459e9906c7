// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// Values at rest, in floats or in 16 bits: the numbers are those of a slow walk that rounds at the same places.
@Suite struct StorageTests {
    private static let formats = [NumberFormat?.none, .bf16, .fp16]
    private static let kinds = [Schedule.Kind.streamed, .kept, .recomputed]

    private static let networks: [(input: [Int], layers: [Layer])] = [
        ([9], [.linear(7), .tanh, .linear(5), .gelu]),
        ([6, 5], [.linear(4), .layerNorm(), .residual([.linear(4), .silu]), .meanOverPlaces]),
        ([6, 5], [.linear(6), .residual([.rmsNorm(), .attention(heads: 2)]), .dropout(0.3), .lastPlace]),
        ([5, 4], [.linear(6), .lstm(5), .gru(4), .sigmoid, .flatten]),
        ([7], [.embedding(300, 6), .lstm(4), .lastPlace]),
        ([7], [.dropout(0), .embedding(300, 6, padding: 0), .attention(heads: 3, causal: true), .flatten]),
        ([7], [.linear(6), .residual([.flatten]), .residual([.flatten, .linear(6)]), .residual([])]),
        ([4, 3], [.linear(6), .residual([.dropout(0), .tanh], shortcut: [.dropout(0)]), .tanh, .flatten, .sigmoid]),
        (
            [3, 9, 8],
            [
                .convolution(8, kernel: 3, padding: 1), .relu, .maxPooling(2, stride: 2), .convolution(4, kernel: 3),
                .tanh,
            ]
        ),
        (
            [2, 8, 7],
            [
                .convolution(3, kernel: 3, padding: 1), .tanh, .averagePooling(3, stride: 2, padding: 1),
                .convolution(4, kernel: 1), .relu, .maxPooling(3, stride: 1, padding: 1), .groupNorm(2),
            ]
        ),
        (
            [4, 6, 6],
            [
                .standardisedConvolution(4, kernel: 3, padding: 1), .groupNorm(2), .relu,
                .residual([.convolution(4, kernel: 3, padding: 1, groups: 2), .relu]), .maxPooling(2, stride: 1),
                .adaptiveAveragePooling(height: 2, width: 3),
            ]
        ),
    ]

    private static func network(_ index: Int) throws -> Network {
        let (input, layers) = networks[index]
        let end: [Layer] = [.flatten, .linear(3)]
        return try Network(name: "stored", input: Shape(input), classes: 3, layers: layers + end)
    }

    private static func examples(_ network: Network, _ count: Int) -> [[Float]] {
        (0..<count).map { seed in
            let values = testFloats(network.input.count, seed: UInt64(seed), scale: Float(1 + seed % 3))
            guard let vocabulary = RoundedWalk.vocabulary(network) else { return values }
            return values.map { (abs($0) * 97).rounded().truncatingRemainder(dividingBy: Float(vocabulary)) }
        }
    }

    private static func execution(
        _ network: Network,
        _ kind: Schedule.Kind,
        capacity: Int,
        atOnce: [Int: Int] = [:],
        _ numerics: Numerics
    ) -> NetworkExecution {
        NetworkExecution(network, schedule: kind, capacity: capacity, atOnce: atOnce, numerics: numerics)
    }

    private static func load(_ examples: [[Float]], into execution: NetworkExecution) {
        execution.load(examples: examples.count) { index, row in
            for k in row.indices { row[k] = examples[index][k] }
            return UInt64(index)
        }
    }

    /// All passes' gradients, example by example, as bits; which NaN it is and zeros' signs do not count.
    private static func bits(_ gradients: [[Double]]) -> [[UInt64]] {
        gradients.map { $0.map { $0.isNaN ? .max : ($0 + 0).bitPattern } }
    }

    private static func gradients(
        _ execution: NetworkExecution,
        _ examples: [[Float]],
        _ parameters: Buffer<Float>
    ) -> [[[UInt64]]] {
        load(examples, into: execution)
        let collector = GradientCollector(execution.network, examples: examples.count)
        execution.run(
            parameters: parameters,
            labels: examples.indices.map { Int32($0 % 3) },
            visitor: collector
        )
        return collector.gradients.map(bits)
    }

    private static func truth(_ walk: RoundedWalk, _ examples: [[Float]]) -> [[UInt64]] {
        examples.indices.flatMap { index in
            let collector = GradientCollector(walk.network, examples: 1)
            walk.visit(examples[index], label: index % 3, seed: UInt64(index), by: collector)
            return bits(collector.gradients[0])
        }
    }

    @Test(arguments: networks.indices, formats)
    func gradientsAreThoseOfARoundedWalk(index: Int, format: NumberFormat?) throws {
        let network = try Self.network(index)
        let parameters = Buffer(network.initialParameters(seed: 3))
        let numerics = Numerics(storage: format)
        let walk = RoundedWalk(
            network: network,
            parameters: parameters,
            format: format,
            lossScale: numerics.lossScale
        )
        var examples = Self.examples(network, 5)
        if RoundedWalk.vocabulary(network) == nil {
            examples.append(examples[0].map { _ in 1e30 })
            examples.append(examples[0].map { _ in .infinity })
            examples[1][0] = .nan
        }
        let truth = Self.truth(walk, examples)
        #expect(truth[0].contains { $0 != 0 && $0 != .max })
        for kind in Self.kinds {
            for capacity in [examples.count, 8, 64] {
                let whole = Dictionary(uniqueKeysWithValues: network.nodes.indices.map { ($0, capacity) })
                for atOnce in [[:], whole] {
                    let execution = Self.execution(network, kind, capacity: capacity, atOnce: atOnce, numerics)
                    for pass in Self.gradients(execution, examples, parameters) {
                        #expect(pass == truth, "\(kind), tiles of \(capacity)")
                    }
                }
            }
            let single = Self.execution(network, kind, capacity: 1, numerics)
            // The first example's seed and label are those of a tile's first row.
            for pass in Self.gradients(single, [examples[0]], parameters) { #expect(pass == [truth[0]]) }
        }
    }

    @Test(arguments: networks.indices, formats)
    func logitsAreThoseOfARoundedWalk(index: Int, format: NumberFormat?) throws {
        let network = try Self.network(index)
        let parameters = Buffer(network.initialParameters(seed: 3))
        let numerics = Numerics(storage: format)
        let walk = RoundedWalk(network: network, parameters: parameters, format: format)
        let examples = Self.examples(network, 5)
        let truth = examples.map { walk.logits($0) }
        for capacity in [5, 64] {
            let execution = Self.execution(network, .forward, capacity: capacity, numerics)
            Self.load(examples, into: execution)
            execution.run(parameters: parameters)
            #expect(examples.indices.map { execution.logits(example: $0) } == truth)
            let score = execution.score(labels: [0, 1, 2, 0, 1])
            let right = truth.enumerated().count { index, logits in logits.max() == logits[index % 3] }
            #expect(score.correct == right)
        }
    }

    /// What an example is beside does not matter, nor where it lies, nor what was there before.
    @Test(arguments: networks.indices)
    func rowsAndNeighboursDoNotMatter(index: Int) throws {
        let network = try Self.network(index)
        let parameters = Buffer(network.initialParameters(seed: 5))
        let execution = Self.execution(network, .kept, capacity: 13, Numerics(storage: .bf16))
        let one = Self.examples(network, 1)[0]
        func run(_ tile: [[Float]]) -> [[UInt64]] {
            execution.load(examples: tile.count) { index, row in
                for k in row.indices { row[k] = tile[index][k] }
                return 7
            }
            let collector = GradientCollector(network, examples: tile.count)
            execution.run(parameters: parameters, labels: tile.map { _ in 1 }, visitor: collector)
            return Self.bits(collector.gradients[1])
        }
        let truth = run([one])[0]
        for place in [0, 1, 6, 12] {
            for neighbour in [0, .nan, -.infinity, 1e30] as [Float] {
                var tile = [[Float]](repeating: one.map { _ in neighbour }, count: 13)
                tile[place] = one
                #expect(run(tile)[place] == truth, "place \(place) beside \(neighbour)")
            }
        }
    }

    @Test(arguments: networks.indices, [NumberFormat?.none, .bf16])
    func plannedIsAllocated(index: Int, format: NumberFormat?) throws {
        let network = try Self.network(index)
        for kind in Self.kinds + [.forward] {
            for (capacity, atOnce) in [(1, [:]), (7, [0: 3]), (64, [0: 64, 1: 64])] as [(Int, [Int: Int])] {
                let execution = Self.execution(
                    network,
                    kind,
                    capacity: capacity,
                    atOnce: atOnce,
                    Numerics(storage: format)
                )
                let planned = NetworkExecution.plannedBytes(
                    network,
                    schedule: kind,
                    capacity: capacity,
                    atOnce: atOnce,
                    numerics: Numerics(storage: format)
                )
                #expect(planned == execution.allocatedBytes)
            }
        }
    }

    /// 16 bits tell the place of every maximum.
    @Test(arguments: [1, 3, 16, 40])
    func placesOfMaximaInSixteenBits(channels: Int) {
        let size = channels == 40 ? 70 : 9
        for (kernel, padding, dilation) in [
            ((2, 2), (0, 0), (1, 1)), ((3, 2), (1, 1), (1, 1)), ((3, 3), (1, 1), (2, 2)),
        ] {
            let window = Window(
                channels: channels,
                height: size,
                width: size + 1,
                kernel: kernel,
                stride: (2, 1),
                padding: padding,
                dilation: dilation
            )
            var image = testFloats(window.imageCount, seed: 1)
            for index in stride(from: 0, to: image.count, by: 7) { image[index] = [.nan, -.infinity, 0][index % 3] }
            for values in [image, image.map { _ in -.infinity }] {
                let maxima = Buffer<Float>(count: window.pooledCount)
                let argument = Buffer<Float>(count: window.pooledCount)
                let places = Buffer<UInt16>(count: window.pooledCount)
                let again = Buffer<Float>(count: window.pooledCount)
                maxima.write { maxima in
                    argument.write { window.maximum(of: values.span, into: &maxima, argument: &$0) }
                }
                #expect(window.packsPlaces)
                argument.read { argument in places.write { window.packPlaces(argument, into: &$0) } }
                places.read { places in again.write { window.unpackPlaces(places, into: &$0) } }
                argument.read { argument in
                    again.read { again in
                        #expect(argument.indices.allSatisfy { argument[$0].bitPattern == again[$0].bitPattern })
                    }
                }
            }
        }
        let wide = Window(channels: 64, height: 600, width: 600, kernel: (3, 3), stride: (1, 1), padding: (0, 0))
        #expect(!wide.packsPlaces)
    }
}
