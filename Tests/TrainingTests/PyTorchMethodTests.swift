// SPDX-License-Identifier: Apache-2.0

import Networks
import TestKit
import Testing
import Training

/// Every clipping method against PyTorch in Float64, on the fine grid: every operation, every preset at a small size, and
/// case A4, the sequence models.
@Suite struct PyTorchMethodTests {
    /// Clipped by the norm of the whole gradient.
    private static let whole = ClippingMethod.allCases.filter { $0 != .none && $0 != .perLayer }
    private static let large = "vgg11"

    @Test func everyCaseIsThere() {
        #expect(PyTorchCase.names.count == 83)
        #expect(PyTorchCase.names.contains(Self.large))
    }

    @Test(arguments: PyTorchCase.names.filter { $0 != large })
    func everyMethodAgrees(name: String) throws {
        let one = try PyTorchCase(name)
        let norms = one.fixture.tensor("norms")
        for (index, clip) in one.fixture.tensor("clips").enumerated() {
            for method in Self.whole {
                // Once with several tiles and leaves, once with what suits the network.
                let found = try one.gradients(method, clip: clip, capacity: index == 0 ? 2 : nil)
                #expect(relativeError(found.norms, norms) <= 1e-5, "norms, \(method), clip \(clip)")
                let error = one.fixture.relativeError(ofSum: found.sum, clip: index)
                #expect(error <= 1e-5, "sum, \(method), clip \(clip)")
            }
        }
    }

    /// A clip norm each, so that it is quick.
    @Test(arguments: Array(whole.enumerated()))
    func everyMethodAgreesOnTheLargestPreset(number: Int, method: ClippingMethod) throws {
        let one = try PyTorchCase(Self.large)
        let found = try one.gradients(method, clip: one.fixture.tensor("clips")[number % 2])
        #expect(relativeError(found.norms, one.fixture.tensor("norms")) <= 1e-5)
        #expect(one.fixture.relativeError(ofSum: found.sum, clip: number % 2) <= 1e-5)
    }

    /// The fixtures hold no sums for a threshold a layer and none without clipping. Both follow from single gradients,
    /// which, clipped here in Float64, add up to PyTorch's sums.
    @Test(arguments: PyTorchCase.names.filter { $0 != large })
    func withAThresholdForEachLayerAndWithoutClipping(name: String) throws {
        let one = try PyTorchCase(name)
        let singles = try one.singleGradients()
        let everything = [0..<one.network.parameterCount]
        let layers = one.layers
        for (index, clip) in one.fixture.tensor("clips").enumerated() {
            let sum = clippedSum(singles, clip: clip, parts: everything)
            #expect(one.fixture.relativeError(ofSum: sum, clip: index) <= 1e-5)
            let found = try one.gradients(.perLayer, clip: clip, capacity: index == 0 ? 2 : nil)
            #expect(relativeError(found.norms, one.fixture.tensor("norms")) <= 1e-5, "clip \(clip)")
            let truth = clippedSum(singles, clip: clip / Double(layers.count).squareRoot(), parts: layers)
            #expect(relativeError(found.sum, truth) <= 1e-5, "clip \(clip)")
        }
        let plain = try one.gradients(.none, clip: 1)
        #expect(relativeError(plain.norms, one.fixture.tensor("norms")) <= 1e-5)
        #expect(relativeError(plain.sum, clippedSum(singles, clip: .infinity, parts: everything)) <= 1e-5)
    }
}
