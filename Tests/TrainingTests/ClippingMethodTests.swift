// SPDX-License-Identifier: Apache-2.0

import Datasets
import Networks
import TestKit
import Testing
import Training

/// Every method against a loop over single examples in Double, on a grid so fine that it does not show.
@Suite struct ClippingMethodTests {
    static let clipping = ClippingMethod.allCases.filter { $0 != .none }

    private static func compare(
        _ one: MethodCase,
        _ method: ClippingMethod,
        clip: Double,
        examples: Int,
        rule: ClipRule = .abadi,
        workers: Int = 2
    ) throws -> (norms: [Double], sum: [Double]) {
        var request = GradientComparison.Request(network: one.network, method: method, clip: clip)
        request.options.rule = rule
        request.workers = workers
        let result = try GradientComparison(request, parameters: one.parameters, examples: one.examples(examples))
        return (result.norms, one.ordered(result.sum))
    }

    private static func expectTruth(
        _ one: MethodCase,
        _ method: ClippingMethod,
        clip: Double,
        examples: Int,
        rule: ClipRule = .abadi
    ) throws {
        let found = try compare(one, method, clip: clip, examples: examples, rule: rule)
        let truth = one.truth(examples, clip: clip, method: method, rule: rule)
        #expect(relativeError(found.norms, truth.norms) <= 1e-5, "norms, clip \(clip), \(examples) examples")
        #expect(relativeError(found.sum, truth.sum) <= 1e-5, "sum, clip \(clip), \(examples) examples")
    }

    /// Case A1: from a clip norm below all gradients to one above all.
    @Test(arguments: ClippingMethod.allCases, [1e-3, 0.1, 1, 1e6])
    func agreesOnThePapersNetwork(method: ClippingMethod, clip: Double) throws {
        for examples in [1, 7, 64] {
            try Self.expectTruth(.tanhCNN, method, clip: clip, examples: examples)
        }
    }

    /// Case A2: sixteen examples; of the clip norms, one that clips all and one that clips none.
    @Test(arguments: ClippingMethod.allCases, [0.1, 1e6])
    func agreesOnThePapersNetworkForColourImages(method: ClippingMethod, clip: Double) throws {
        try Self.expectTruth(.cifarTanhCNN, method, clip: clip, examples: 16)
        #expect(MethodCase.cifarTanhCNN.network.parameterCount == 550_570)
    }

    @Test(arguments: ClippingMethod.allCases, MethodCase.small.indices)
    func agreesOnSmallNetworks(method: ClippingMethod, index: Int) throws {
        let one = MethodCase.small[index]
        let middle = one.gradients.map { norm($0[...]) }.sorted()[4]
        for clip in [1e-3, 1.001 * middle, 1e6] {
            try Self.expectTruth(one, method, clip: clip, examples: 9)
        }
    }

    @Test(arguments: clipping, [1e-3, 0.5, 1e3])
    func automaticFactors(method: ClippingMethod, clip: Double) throws {
        for one in MethodCase.small {
            try Self.expectTruth(one, method, clip: clip, examples: 9, rule: .automatic)
        }
    }

    /// A clip norm above all gradients leaves the plain sum.
    @Test(arguments: clipping)
    func largeClipIsThePlainSum(method: ClippingMethod) throws {
        for one in [.tanhCNN] + MethodCase.small {
            let plain = try Self.compare(one, .none, clip: 1e6, examples: 9)
            let found = try Self.compare(one, method, clip: 1e6, examples: 9)
            #expect(relativeError(found.sum, plain.sum) <= 1e-5, "\(one.name)")
        }
    }

    /// A clip norm below all gradients is every gradient's norm; with a threshold for each layer, every layer has its part.
    @Test(arguments: clipping)
    func tinyClipIsEveryNorm(method: ClippingMethod) throws {
        for one in [.tanhCNN] + MethodCase.small {
            for example in 0..<7 {
                let single = FloatExamples(
                    features: one.inputs[example],
                    featureCount: one.network.input.count,
                    labels: [one.labels[example]]
                )
                let request = GradientComparison.Request(network: one.network, method: method, clip: 1e-3)
                let result = try GradientComparison(request, parameters: one.parameters, examples: single)
                let clipped = norm(one.ordered(result.sum)[...])
                #expect(abs(clipped - 1e-3) <= 1e-8, "\(one.name), example \(example)")
                #expect(clipped <= 1e-3 * (1 + 1e-7))
            }
        }
    }

    /// The clip norms of the other tests are below and above gradients' norms.
    @Test func clipNormsSeparate() {
        for one in [.tanhCNN] + MethodCase.small {
            let norms = one.gradients.map { norm($0[...]) }
            #expect(norms.allSatisfy { $0 > 0.01 && $0 < 1e3 })
        }
    }
}
