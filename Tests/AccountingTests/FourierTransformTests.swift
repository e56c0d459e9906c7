// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import Testing

/// The transform against its definition, and its error bound.
@Suite struct FourierTransformTests {
    private typealias Complex = FourierTransform.Complex

    /// Deterministic values in -1...1.
    private func values(_ count: Int, seed: UInt64 = 1) -> [Complex] {
        var state = seed
        func next() -> Double {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(Int64(bitPattern: state)) * 0x1p-63
        }
        return (0..<count).map { _ in Complex(next(), next()) }
    }

    private func norm(_ values: [Complex]) -> Double {
        values.reduce(0) { $0 + ($1 * $1).sum() }.squareRoot()
    }

    private func transformed(_ input: [Complex]) -> [Complex] {
        var output = input
        var room = input
        FourierTransform(size: input.count).transform(&output, by: &room)
        return output
    }

    /// The definition, with angles reduced exactly and sums compensated (Neumaier): its own error is far below the bound.
    @Test(arguments: [4, 8, 16, 32, 256, 2048])
    func agreesWithTheDefinition(size: Int) {
        let input = values(size)
        let roots = (0..<size).map { index in
            let angle = 2 * Double.pi * (Double(index) / Double(size))
            return Complex(cos(angle), -sin(angle))
        }
        let output = transformed(input)
        var difference: [Complex] = []
        for frequency in 0..<size {
            var (sum, rest) = (Complex.zero, Complex.zero)
            for index in 0..<size {
                let root = roots[frequency * index & (size - 1)]
                let (x, w) = (input[index], root)
                let term = Complex(x.x * w.x - x.y * w.y, x.x * w.y + x.y * w.x)
                let total = sum + term
                for part in 0..<2 {
                    rest[part] +=
                        abs(sum[part]) >= abs(term[part])
                        ? (sum[part] - total[part]) + term[part] : (term[part] - total[part]) + sum[part]
                }
                sum = total
            }
            difference.append(output[frequency] - (sum + rest))
        }
        #expect(norm(difference) <= FourierTransform.relativeError(size: size) * norm(output))
    }

    /// Twice is the reflection times N: at every size, with no second implementation.
    @Test(arguments: [4, 8, 1 << 13, 1 << 18, 1 << 21])
    func twiceIsTheReflection(size: Int) {
        let input = values(size, seed: 7)
        let output = transformed(transformed(input))
        let difference = input.indices.map { output[(size - $0) & (size - 1)] / Double(size) - input[$0] }
        #expect(norm(difference) <= 2.1 * FourierTransform.relativeError(size: size) * norm(input))
    }

    @Test func anImpulseGivesTheRoots() {
        for place in [0, 1, 5] {
            var input = [Complex](repeating: .zero, count: 64)
            input[place] = Complex(1, 0)
            for (frequency, value) in transformed(input).enumerated() {
                let angle = 2 * Double.pi * Double(place * frequency % 64) / 64
                #expect(abs(value.x - cos(angle)) < 1e-15 && abs(value.y + sin(angle)) < 1e-15)
            }
        }
    }
}
