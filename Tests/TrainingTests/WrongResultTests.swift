// SPDX-License-Identifier: Apache-2.0

import TestKit
import Testing
import Training

/// What well-known mistakes of other libraries give (Tests/Fixtures/networks/wrong.json): every method gives the right
/// result, which is not the wrong one. Weights that are tied cannot be written down (LayerAdvice of Models refuses them).
@Suite struct WrongResultTests {
    /// Norms of whole gradients; sums of one parameter, unclipped.
    private struct Entry: Decodable {
        let `case`: String
        let parameter: String?
        let norms, wrongNorms: [Double]?
        let sum, wrongSum: [Double]?
        let sumCosine: Double?
        let clip: Double?
        let wrongClippedNorms: [Double]?
    }

    private struct Wrong: Decodable {
        let grouped, transposed, padding, ignored, byTensor: [Entry]

        enum CodingKeys: String, CodingKey {
            case grouped = "grouped-convolution"
            case transposed = "transposed-convolution"
            case padding = "padding-counted"
            case ignored = "ignored-tokens-counted"
            case byTensor = "clipped-by-tensor"
        }
    }

    private let wrong: Wrong

    init() throws { wrong = try fixture("networks/wrong.json", as: Wrong.self) }

    private func expectRightNorms(_ entry: Entry, _ method: ClippingMethod) throws {
        let (right, wrong) = (try #require(entry.norms), try #require(entry.wrongNorms))
        let found = try PyTorchCase(entry.case).gradients(method, clip: 0.1).norms
        #expect(relativeError(found, right) <= 1e-5, "\(entry.case)")
        #expect(relativeError(found, wrong) > 5e-3, "\(entry.case)")
    }

    /// private_vision, private-transformers, fastDP: as if every output of a grouped convolution saw every input.
    @Test(arguments: ClippingMethod.allCases)
    func groupsSeeTheirInputsOnly(method: ClippingMethod) throws {
        #expect(wrong.grouped.count == 2)
        for entry in wrong.grouped {
            try expectRightNorms(entry, method)
            try expectRightSum(entry, method)
        }
    }

    /// private_vision: the weight's gradient under a transposed layout.
    @Test(arguments: ClippingMethod.allCases)
    func layoutIsNotTransposed(method: ClippingMethod) throws {
        #expect(wrong.transposed.count == 1)
        for entry in wrong.transposed { try expectRightSum(entry, method) }
    }

    /// The sum of one parameter where nothing is clipped.
    private func expectRightSum(_ entry: Entry, _ method: ClippingMethod) throws {
        let one = try PyTorchCase(entry.case)
        let parameter = try #require(entry.parameter)
        let start = one.fixture.parameters.prefix { $0.name != parameter }.reduce(0) { $0 + $1.values.count }
        let wrong = try #require(entry.wrongSum)
        let part = start..<start + wrong.count
        let found = Array(try one.gradients(method, clip: 1000).sum[part])
        let right =
            try entry.sum
            ?? one.singleGradients().reduce(into: wrong.map { _ in 0.0 }) { sum, gradient in
                for index in sum.indices { sum[index] += gradient[start + index] }
            }
        #expect(relativeError(found, right) <= 1e-5, "\(entry.case)")
        let product = zip(found, wrong).reduce(0.0) { $0 + $1.0 * $1.1 }
        let cosine = product / norm(found[...]) / norm(wrong[...])
        #expect(abs(cosine - (try #require(entry.sumCosine))) <= 1e-4 && cosine < 0.2, "\(entry.case)")
    }

    /// Opacus's ghost clipping: the padding row's gradient is counted.
    @Test(arguments: ClippingMethod.allCases)
    func paddingIsNotCounted(method: ClippingMethod) throws {
        #expect(wrong.padding.count == 2)
        for entry in wrong.padding { try expectRightNorms(entry, method) }
    }

    /// Opacus before 1.6: the mean is over ignored tokens too.
    @Test(arguments: ClippingMethod.allCases)
    func ignoredTokensAreNotCounted(method: ClippingMethod) throws {
        #expect(wrong.ignored.count == 2)
        for entry in wrong.ignored { try expectRightNorms(entry, method) }
    }

    /// ml-privacy-exp: every tensor is clipped at C alone, and all together are √tensors C long.
    @Test(arguments: ClippingMethod.allCases.filter { $0 != .none })
    func tensorsAreClippedTogether(method: ClippingMethod) throws {
        #expect(wrong.byTensor.count == 1)
        for entry in wrong.byTensor {
            let one = try PyTorchCase(entry.case)
            let clip = try #require(entry.clip)
            for (example, wrong) in try #require(entry.wrongClippedNorms).enumerated() {
                let length = norm(try one.gradients(method, clip: clip, of: [example]).sum[...])
                #expect(abs(length - clip) <= 1e-5 * clip)
                #expect(wrong > 1.9 * length)
            }
        }
    }
}
