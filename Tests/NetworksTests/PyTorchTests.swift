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
        #expect(relativeError(logits, try one.tensor("logits")) <= 1e-5)
        let loss = one.bench.execution.score(labels: one.labels).loss
        #expect(abs(loss - (try one.tensor("losses")).reduce(0, +)) <= 1e-5 * loss)
    }

    private func checkNorms(_ one: DrawnCase) throws {
        var tensorNorms: [Double] = []
        for (example, truth) in try one.tensor("norms").enumerated() {
            let gradient = one.bench.gradient(example)
            let norm = Reductions.sumOfSquares(gradient.span).squareRoot()
            #expect(abs(norm - truth) <= 1e-5 * truth)
            tensorNorms += one.bench.network.layout.slices.map { slice in
                Reductions.sumOfSquares(gradient.span.extracting(slice.range)).squareRoot()
            }
        }
        guard one.has("tensorNorms") else { return }
        #expect(relativeError(tensorNorms, try one.tensor("tensorNorms")) <= 1e-5)
    }

    /// On a grid so fine that it does not show: what is left is the float gradient's own error.
    private func checkSum(_ one: DrawnCase, _ index: Int) throws {
        let clip = try one.tensor("clips")[index]
        let (sum, clipped) = one.clippedSum(clip: clip)
        let isClipped = try one.tensor("norms").map { $0 > clip }
        #expect(clipped == isClipped)
        #expect(isClipped.contains(true))
        let stride = Int(try one.tensor("stride")[0])
        let values = Swift.stride(from: 0, to: sum.count, by: stride).map { sum[$0] }
        #expect(relativeError(values, try one.tensor("sum\(index)")) <= 1e-5)
        guard one.has("projections\(index)") else { return }
        let (norms, projections) = one.projections(of: sum)
        #expect(relativeError(norms, try one.tensor("sumNorms\(index)")) <= 1e-5)
        #expect(relativeError(projections, try one.tensor("projections\(index)")) <= 1e-5)
    }

    private func relativeError(_ x: [Double], _ truth: [Double]) -> Double {
        guard x.count == truth.count else { return .infinity }
        return OperationBench.relativeError(x, truth)
    }
}
