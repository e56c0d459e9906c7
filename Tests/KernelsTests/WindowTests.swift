// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

@Suite struct WindowTests {
    static let windows = [
        Window(channels: 1, height: 28, width: 28, kernel: (8, 8), stride: (2, 2), padding: (3, 3)),
        Window(channels: 16, height: 13, width: 13, kernel: (4, 4), stride: (2, 2), padding: (0, 0)),
        Window(channels: 3, height: 7, width: 9, kernel: (3, 2), stride: (2, 1), padding: (1, 0)),
        Window(channels: 2, height: 5, width: 4, kernel: (1, 1), stride: (3, 3), padding: (2, 2)),
        Window(channels: 1, height: 2, width: 2, kernel: (5, 5), stride: (1, 1), padding: (4, 4)),
        Window(channels: 2, height: 1, width: 1, kernel: (3, 3), stride: (2, 1), padding: (5, 6)),
        Window(channels: 1, height: 9, width: 150, kernel: (3, 3), stride: (1, 1), padding: (0, 0)),
    ]

    /// What the window sees, by the definition.
    private static func patches(_ image: [Float], _ w: Window) -> [Float] {
        var patches: [Float] = []
        for oy in 0..<w.outputHeight {
            for ox in 0..<w.outputWidth {
                for c in 0..<w.channels {
                    for ky in 0..<w.kernelHeight {
                        for kx in 0..<w.kernelWidth {
                            let (y, x) = (oy * w.strideY + ky - w.paddingY, ox * w.strideX + kx - w.paddingX)
                            let isInside = (0..<w.height).contains(y) && (0..<w.width).contains(x)
                            patches.append(isInside ? image[(c * w.height + y) * w.width + x] : 0)
                        }
                    }
                }
            }
        }
        return patches
    }

    @Test(arguments: windows)
    func patchesMatchTheDefinition(window: Window) {
        let image = testFloats(window.imageCount, seed: 1)
        var patches = [Float](repeating: .nan, count: window.positions * window.patchCount)
        var span = patches.mutableSpan
        window.patches(of: image.span, into: &span)
        #expect(patches == Self.patches(image, window))
    }

    /// <patches(x), y> = <x, adjoint(y)> for whole numbers, so exactly.
    @Test(arguments: windows)
    func adjoint(window: Window) {
        let x = testFloats(window.imageCount, seed: 2, scale: 8).map { $0.rounded() }
        let y = testFloats(window.positions * window.patchCount, seed: 3, scale: 8).map { $0.rounded() }
        var back = [Float](repeating: .nan, count: x.count)
        var span = back.mutableSpan
        window.image(ofPatches: y.span, into: &span)
        let left = zip(Self.patches(x, window), y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let right = zip(x, back).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(left == right)
    }

    /// The first of equal maxima takes the gradient; checked by a search, on images with many ties.
    @Test(arguments: windows.filter { $0.paddingX == 0 && $0.paddingY == 0 })
    func maximum(window: Window) {
        let image = testFloats(window.imageCount, seed: 4, scale: 2).map { $0.rounded() }
        let given = testFloats(window.channels * window.positions, seed: 5, scale: 8).map { $0.rounded() }
        var output = [Float](repeating: .nan, count: given.count)
        var outputSpan = output.mutableSpan
        window.maximum(of: image.span, into: &outputSpan)
        var gradient = [Float](repeating: .nan, count: image.count)
        var gradientSpan = gradient.mutableSpan
        window.maximumBackward(image: image.span, output: output.span, outputGradient: given.span, into: &gradientSpan)
        var expected = [Float](repeating: 0, count: image.count)
        for c in 0..<window.channels {
            for position in 0..<window.positions {
                let (oy, ox) = (position / window.outputWidth, position % window.outputWidth)
                var best: Int?
                for ky in 0..<window.kernelHeight {
                    for kx in 0..<window.kernelWidth {
                        let row = c * window.height + oy * window.strideY + ky
                        let at = row * window.width + ox * window.strideX + kx
                        if image[at] > best.map({ image[$0] }) ?? -.infinity { best = at }
                    }
                }
                #expect(output[c * window.positions + position] == image[best!])
                expected[best!] += given[c * window.positions + position]
            }
        }
        #expect(gradient == expected)
    }

    @Test func notANumberWins() {
        let window = Window(channels: 1, height: 2, width: 3, kernel: (2, 2), stride: (1, 1), padding: (0, 0))
        let image: [Float] = [1, 2, 3, .nan, 5, .infinity]
        var output: [Float] = [0, 0]
        var outputSpan = output.mutableSpan
        window.maximum(of: image.span, into: &outputSpan)
        #expect(output[0].isNaN && output[1] == .infinity)
        var gradient = [Float](repeating: 9, count: 6)
        var gradientSpan = gradient.mutableSpan
        window.maximumBackward(
            image: image.span,
            output: output.span,
            outputGradient: [7, 8].span,
            into: &gradientSpan
        )
        #expect(gradient == [0, 0, 0, 7, 0, 8])
    }
}
