// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

/// `count` windows with every property drawn, over small images of few and many channels.
func randomWindows(_ count: Int, seed: UInt64) -> [Window] {
    let draws = testFloats(count * 16, seed: seed)
    return (0..<count).map { index in
        var next = index * 16
        func draw(_ range: ClosedRange<Int>) -> Int {
            defer { next += 1 }
            return range.lowerBound + Int((Double(draws[next]) + 1) / 2 * 0.999 * Double(range.count))
        }
        let channels = [1, 2, 3, 6, 16, 33][draw(0...5)]
        let divisors = (1...channels).filter { channels.isMultiple(of: $0) }
        let kernel = (height: draw(1...5), width: draw(1...9))
        let dilation = (y: draw(1...2), x: max(1, draw(-2...3)))
        let padding = (y: draw(0...5), x: draw(0...5))
        return Window(
            channels: channels,
            height: max(1, dilation.y * (kernel.height - 1) + 1 - 2 * padding.y) + draw(0...9),
            width: max(1, dilation.x * (kernel.width - 1) + 1 - 2 * padding.x) + draw(0...9),
            kernel: kernel,
            stride: (draw(1...3), draw(1...3)),
            padding: padding,
            dilation: dilation,
            groups: draw(0...1) == 0 ? 1 : divisors[draw(0...divisors.count - 1)]
        )
    }
}

extension Window {
    /// The place in the image that tap (ky, kx) sees at `position`, or nil outside; channel 0.
    func place(_ position: Int, _ ky: Int, _ kx: Int) -> Int? {
        let y = position / outputWidth * strideY + ky * dilationY - paddingY
        let x = position % outputWidth * strideX + kx * dilationX - paddingX
        guard y >= 0, y < height, x >= 0, x < width else { return nil }
        return (y * width + x) * channels
    }
}

@Suite struct WindowTests {
    static let windows =
        [
            Window(channels: 1, height: 28, width: 28, kernel: (8, 8), stride: (2, 2), padding: (3, 3)),
            Window(channels: 16, height: 13, width: 13, kernel: (4, 4), stride: (2, 2), padding: (0, 0)),
            Window(channels: 1, height: 2, width: 2, kernel: (5, 5), stride: (1, 1), padding: (4, 4)),
            Window(channels: 2, height: 1, width: 1, kernel: (3, 3), stride: (2, 1), padding: (5, 6)),
            Window(channels: 3, height: 9, width: 50, kernel: (3, 3), stride: (1, 1), padding: (1, 1)),
            Window(channels: 33, height: 6, width: 5, kernel: (3, 3), stride: (1, 1), padding: (1, 1), groups: 33),
        ] + randomWindows(300, seed: 1)

    /// What the window sees of a group, by the definition.
    private static func patches(_ image: [Float], _ w: Window, _ positions: Range<Int>, _ group: Int) -> [Float] {
        var patches: [Float] = []
        for position in positions {
            for ky in 0..<w.kernelHeight {
                for kx in 0..<w.kernelWidth {
                    for c in 0..<w.channels / w.groups {
                        let place = w.place(position, ky, kx)
                        patches.append(place.map { image[$0 + group * (w.channels / w.groups) + c] } ?? 0)
                    }
                }
            }
        }
        return patches
    }

    /// A third of the positions, somewhere inside; all of them for few.
    private static func ranges(_ window: Window) -> [Range<Int>] {
        let third = window.positions / 3
        return [0..<third, third..<third, third..<2 * third, 2 * third..<window.positions]
    }

    @Test func outputIsWhereTheWindowFits() {
        for window in Self.windows {
            let lastRow = (window.outputHeight - 1) * window.strideY + (window.kernelHeight - 1) * window.dilationY
            #expect(lastRow < window.height + 2 * window.paddingY)
            #expect(lastRow + window.strideY >= window.height + 2 * window.paddingY)
            let lastColumn = (window.outputWidth - 1) * window.strideX + (window.kernelWidth - 1) * window.dilationX
            #expect(lastColumn < window.width + 2 * window.paddingX)
            #expect(lastColumn + window.strideX >= window.width + 2 * window.paddingX)
        }
    }

    /// In parts and with guards on both sides, which stay untouched.
    @Test func patchesMatchTheDefinition() {
        for window in Self.windows {
            let image = testFloats(window.imageCount, seed: 1)
            for group in 0..<window.groups {
                for range in Self.ranges(window) {
                    let count = range.count * window.patchCount
                    let patches = Buffer<Float>([Float](repeating: 7, count: count + 2))
                    patches.write(1..<count + 1) {
                        window.patches(of: image.span, positions: range, group: group, into: &$0)
                    }
                    let written = patches.read { span in span.indices.map { span[$0] } }
                    #expect(written == [7] + Self.patches(image, window, range, group) + [7], "\(window) \(range)")
                }
            }
        }
    }

    /// <patches(x), y> = <x, adjoint(y)> for whole numbers, so exactly; what the image held before stays added.
    @Test func adjoint() {
        for window in Self.windows {
            let x = testFloats(window.imageCount, seed: 2, scale: 8).map { $0.rounded() }
            var back = [Float](repeating: 0, count: x.count)
            var left = 0.0
            for group in 0..<window.groups {
                let all = 0..<window.positions
                let y = testFloats(window.positions * window.patchCount, seed: 3, scale: 8).map { $0.rounded() }
                left += zip(Self.patches(x, window, all, group), y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                var span = back.mutableSpan
                for range in Self.ranges(window) {
                    let part = y.span.extracting(
                        range.lowerBound * window.patchCount..<range.upperBound * window.patchCount
                    )
                    window.addPatches(part, positions: range, group: group, to: &span)
                }
            }
            #expect(left == zip(x, back).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }, "\(window)")
        }
    }

    /// One position after the other, so that the parts that the positions come in do not change a bit.
    @Test func partsGiveTheSameBits() {
        for window in Self.windows where window.groups == 1 {
            let y = testFloats(window.positions * window.patchCount, seed: 4)
            var expected = testFloats(window.imageCount, seed: 5)
            var back = expected
            for (row, position) in (0..<window.positions).enumerated() {
                for ky in 0..<window.kernelHeight {
                    for kx in 0..<window.kernelWidth {
                        guard let place = window.place(position, ky, kx) else { continue }
                        let tap = row * window.patchCount + (ky * window.kernelWidth + kx) * window.channels
                        for c in 0..<window.channels { expected[place + c] += y[tap + c] }
                    }
                }
            }
            var span = back.mutableSpan
            window.addPatches(y.span, positions: 0..<window.positions, to: &span)
            #expect(back == expected, "\(window)")
        }
    }

    @Test func identity() {
        let identity = Window(channels: 6, height: 3, width: 4, kernel: (1, 1), stride: (1, 1), padding: (0, 0))
        #expect(identity.isIdentity)
        let image = testFloats(72, seed: 6)
        var patches = [Float](repeating: 0, count: 72)
        var span = patches.mutableSpan
        identity.patches(of: image.span, positions: 0..<12, into: &span)
        #expect(patches == image)
        for window in Self.windows where window.isIdentity {
            #expect(Self.patches(image, identity, 0..<12, 0) == image && window.patchCount == window.channels)
        }
        let strided = Window(channels: 6, height: 3, width: 4, kernel: (1, 1), stride: (1, 2), padding: (0, 0))
        let grouped = Window(
            channels: 6,
            height: 3,
            width: 4,
            kernel: (1, 1),
            stride: (1, 1),
            padding: (0, 0),
            groups: 2
        )
        #expect(!strided.isIdentity && !grouped.isIdentity)
    }
}
