// SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernels
import TestKit
import Testing

/// Applies a kernel of one input to an array.
private func apply(_ x: [Float], _ kernel: (Span<Float>, inout MutableSpan<Float>) -> Void) -> [Float] {
    var y = [Float](repeating: .nan, count: x.count)
    var span = y.mutableSpan
    kernel(x.span, &span)
    return y
}

@Suite struct ElementwiseTests {
    @Test func softmaxGradient() {
        let logits: [Float] = [1, -2, 0.5, 100, 99]
        let gradient = apply(logits) { Elementwise.crossEntropyBackward(logits: $0, label: 4, into: &$1) }
        let sum = logits.reduce(0.0) { $0 + exp(Double($1) - 100) }
        for (index, logit) in logits.enumerated() {
            let truth = exp(Double(logit) - 100) / sum - (index == 4 ? 1 : 0)
            #expect(abs(Double(gradient[index]) - truth) < 2e-7)
        }
        for bad in [Float.nan, .infinity] {
            let gradient = apply([0, bad, 1]) { Elementwise.crossEntropyBackward(logits: $0, label: 0, into: &$1) }
            #expect(gradient.contains { $0.isNaN })
        }
        let certain = apply([-.infinity, 0]) { Elementwise.crossEntropyBackward(logits: $0, label: 1, into: &$1) }
        #expect(certain == [0, 0])
    }

    @Test func sumOfSquaresIsFiniteForFiniteFloats() {
        #expect(Reductions.sumOfSquares([Float](repeating: .greatestFiniteMagnitude, count: 100).span).isFinite)
        for count in 0...67 {
            let x = testFloats(count, seed: UInt64(count))
            let truth = x.reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(Reductions.sumOfSquares(x.span) - truth) <= 1e-14 * truth)
            for place in 0..<count {
                var bad = x
                bad[place] = place.isMultiple(of: 2) ? .nan : -.infinity
                #expect(!Reductions.sumOfSquares(bad.span).isFinite)
            }
        }
    }

    @Test func rowSums() {
        for columns in [1, 15, 16, 17, 196] {
            let matrix = testFloats(3 * columns, seed: UInt64(columns))
            let sums = apply([0, 0, 0]) { _, out in
                Reductions.rowSums(matrix.span, rows: 3, columns: columns, into: &out)
            }
            for row in 0..<3 {
                let truth = matrix[row * columns..<(row + 1) * columns].reduce(0.0) { $0 + Double($1) }
                #expect(abs(Double(sums[row]) - truth) < 1e-5)
            }
        }
    }

    @Test(arguments: [8, 9, 16, 31, 64, 65, 200, 1031])
    func levelsAgree(count: Int) {
        #expect(LevelCheck.differences(on: testFloats(count, seed: 9, scale: 12)).isEmpty)
        #expect(LevelCheck.differences(on: (0..<count).map { nastyFloats[$0 % nastyFloats.count] }).isEmpty)
    }
}
