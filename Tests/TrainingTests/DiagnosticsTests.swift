// SPDX-License-Identifier: Apache-2.0

import Datasets
import Kernels
import Networks
import Noise
import Randomness
import TestKit
import Testing
import Training

/// What is counted and repeated for comparisons on public data.
@Suite struct DiagnosticsTests {
    @Test(arguments: ClippingMethod.allCases.filter { $0 != .none && $0 != .perLayer })
    func countsAreThoseOfTheNorms(method: ClippingMethod) throws {
        let one = try RandomNetwork(seed: 4)
        let count = 40
        let examples = FloatExamples(
            features: (0..<count).flatMap { one.example(seed: UInt64($0), scale: Float(1 + $0 % 4)) }
                + one.example(seed: 1).map { _ in .nan },
            featureCount: one.network.input.count,
            labels: (0...count).map { Int32($0 % 3) }
        )
        func sum(clip: Double, _ diagnostics: ClippingDiagnostics) throws -> [Double] {
            let plan = try ClippingPlan(
                method,
                network: one.network,
                grid: CertifiedGrid(clip: clip, dimension: one.network.parameterCount)
            )
            let norms = Buffer<Double>(count: count + 1)
            let pool = WorkerPool(workers: 2)
            let summer = GradientSummer(plan, pool: pool, norms: norms, diagnostics: diagnostics)
            var keys = InsecureTestStream(seed: 5)
            summer.take(0...count, keysFrom: &keys)
            summer.run(of: examples, parameters: Buffer(one.parameters))
            return norms.read { span in span.indices.map { span[$0] } }
        }
        let norms = try sum(clip: 1, ClippingDiagnostics()).dropLast().sorted()
        // Between two norms that are well apart, so that no rounding decides.
        let gaps = norms.indices.dropLast().map { (norms[$0 + 1] / norms[$0], $0) }
        let middle = try #require(gaps[10..<30].max { $0.0 < $1.0 })
        let clip = (norms[middle.1] * norms[middle.1 + 1]).squareRoot()
        let diagnostics = ClippingDiagnostics()
        _ = try sum(clip: clip, diagnostics)
        let counts = diagnostics.counts
        #expect(counts.examples == count + 1 && counts.zeroed == 1)
        #expect(counts.clipped == norms.count { $0 > clip })
        #expect(counts.massCapped <= count && counts.clippedShare == Double(counts.clipped) / Double(count + 1))
    }

    @Test func aPlainSumDoesNotDependOnTheLossScale() throws {
        let one = try RandomNetwork(seed: 2)
        let examples = FloatExamples(
            features: (0..<20).flatMap { one.example(seed: UInt64($0)) },
            featureCount: one.network.input.count,
            labels: (0..<20).map { Int32($0 % 3) }
        )
        let sums = try [Float(1), 256].map { scale in
            var request = GradientComparison.Request(network: one.network, method: .none, clip: 1)
            request.options.numerics = Numerics(lossScale: scale)
            return try GradientComparison(request, parameters: one.parameters, examples: examples).sum
        }
        // A power of two moves exponents and no rounding.
        #expect(sums[0] == sums[1] && sums[0].contains { $0 != 0 })
    }

    @Test func insecureRunsAreRepeatableAndForPublicDataAlone() throws {
        let (train, test) = try DatasetSource.load("digits")
        let network = try Network.preset("logistic", input: Shape(train.exampleShape), classes: train.classes)
        let configuration = CentralConfiguration(
            network: network,
            clip: 1,
            noise: .multiplier(1),
            batch: 50,
            epochs: 0.15,
            learningRate: 0.5,
            delta: 1e-5,
            workers: 2
        )
        let plan = try CentralPlan(configuration, examples: train.count)
        func parameters(_ trainer: CentralTrainer) throws -> [Float] {
            try trainer.run(train: train, test: test).parameters
        }
        let first = try parameters(CentralTrainer(plan, insecureRandomness: InsecureRandomness(seed: 3)))
        #expect(try first == parameters(CentralTrainer(plan, insecureRandomness: InsecureRandomness(seed: 3))))
        #expect(try first != parameters(CentralTrainer(plan, insecureRandomness: InsecureRandomness(seed: 4))))
        // What `sotto train` makes never repeats.
        #expect(try parameters(CentralTrainer(plan)) != parameters(CentralTrainer(plan)))

        let folder = try TemporaryFolder()
        for prefix in ["train", "t10k"] {
            let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8]
            try folder.put(images + [UInt8](repeating: 1, count: 128), in: "\(prefix)-images-idx3-ubyte")
            try folder.put([0, 0, 8, 1, 0, 0, 0, 2, 1, 2], in: "\(prefix)-labels-idx1-ubyte")
        }
        let secret = try DatasetSource.load("idx:\(folder.path)").train
        var small = configuration
        (small.batch, small.epochs) = (1, 1)
        let secretPlan = try CentralPlan(small, examples: secret.count)
        let insecure = CentralTrainer(secretPlan, insecureRandomness: InsecureRandomness(seed: 3))
        #expect(throws: TrainingError.notPublic(dataset: secret.name)) { try insecure.run(train: secret, test: test) }
    }
}
