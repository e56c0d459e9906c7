// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks
import TestKit
import Testing

/// Presets and small networks against per-example gradients by PyTorch in Float64: see Tests/Fixtures/networks.
@Suite struct PyTorchTests {
    @Test(arguments: DrawnCase.names)
    func agrees(name: String) throws {
        let one = try DrawnCase(name)
        try checkLosses(one)
        try checkNorms(one)
        for clip in 0..<2 { try checkSum(one, clip) }
    }

    private func checkLosses(_ one: DrawnCase) throws {
        let logits = one.inputs.indices.flatMap { one.bench.execution.logits(example: $0).map(Double.init) }
        #expect(relativeError(logits, one.fixture.tensor("logits")) <= 1e-5)
        let loss = one.bench.execution.score(labels: one.labels).loss
        #expect(abs(loss - one.fixture.tensor("losses").reduce(0, +)) <= 1e-5 * loss)
    }

    private func checkNorms(_ one: DrawnCase) throws {
        var tensorNorms: [Double] = []
        for (example, truth) in one.fixture.tensor("norms").enumerated() {
            let gradient = one.bench.gradient(example)
            let norm = Reductions.sumOfSquares(gradient.span).squareRoot()
            #expect(abs(norm - truth) <= 1e-5 * truth)
            tensorNorms += one.bench.network.layout.slices.map { slice in
                Reductions.sumOfSquares(gradient.span.extracting(slice.range)).squareRoot()
            }
        }
        guard one.fixture.has("tensorNorms") else { return }
        #expect(relativeError(tensorNorms, one.fixture.tensor("tensorNorms")) <= 1e-5)
    }

    /// On a grid so fine that it does not show: what is left is the float gradient's own error.
    private func checkSum(_ one: DrawnCase, _ index: Int) throws {
        let clip = one.fixture.tensor("clips")[index]
        let (sum, clipped) = one.clippedSum(clip: clip)
        let isClipped = one.fixture.tensor("norms").map { $0 > clip }
        #expect(clipped == isClipped)
        #expect(isClipped.contains(true))
        #expect(one.fixture.relativeError(ofSum: sum, clip: index) <= 1e-5)
    }
}
