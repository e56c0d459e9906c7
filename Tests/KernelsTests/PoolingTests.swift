// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit
import Testing

/// One bin of a pool: the places of channel 0 of the elements it sees, in row order.
private typealias Bins = [[Int]]

extension Window {
    fileprivate var bins: Bins {
        (0..<positions).map { position in
            (0..<kernelHeight).flatMap { ky in
                (0..<kernelWidth).compactMap { kx in place(position, ky, kx) }
            }
        }
    }
}

/// What `body` writes into `count` floats that were NaN before.
private func written(_ count: Int, _ body: (inout MutableSpan<Float>) -> Void) -> [Float] {
    var values = [Float](repeating: .nan, count: count)
    var span = values.mutableSpan
    body(&span)
    return values
}

@Suite struct PoolingTests {
    /// Windows that pools take: no groups, padding up to half of the kernel, an element everywhere.
    private static let windows =
        randomWindows(600, seed: 2).compactMap { w in
            let padding = (y: min(w.paddingY, w.kernelHeight / 2), x: min(w.paddingX, w.kernelWidth / 2))
            let pool = Window(
                channels: w.channels,
                height: w.height + 2 * w.paddingY,
                width: w.width + 2 * w.paddingX,
                kernel: (w.kernelHeight, w.kernelWidth),
                stride: (w.strideY, w.strideX),
                padding: padding,
                dilation: (w.dilationY, w.dilationX)
            )
            return pool.seesImageEverywhere ? pool : nil
        }.prefix(200) + [
            Window(channels: 6, height: 28, width: 28, kernel: (2, 2), stride: (2, 2), padding: (0, 0)),
            Window(channels: 16, height: 9, width: 7, kernel: (3, 3), stride: (2, 2), padding: (1, 1)),
        ]

    private static let grids = [
        AdaptiveWindow(channels: 6, height: 7, width: 5, outputHeight: 3, outputWidth: 2),
        AdaptiveWindow(channels: 33, height: 4, width: 4, outputHeight: 1, outputWidth: 1),
        AdaptiveWindow(channels: 1, height: 2, width: 3, outputHeight: 5, outputWidth: 3),
        AdaptiveWindow(channels: 16, height: 10, width: 9, outputHeight: 4, outputWidth: 4),
        AdaptiveWindow(channels: 3, height: 1, width: 1, outputHeight: 2, outputWidth: 7),
    ]

    private static func bins(_ grid: AdaptiveWindow) -> Bins {
        func range(_ i: Int, _ n: Int, _ s: Int) -> Range<Int> {
            let (from, end) = (Double(i * s) / Double(n), Double((i + 1) * s) / Double(n))
            return Int(from.rounded(.down))..<Int(end.rounded(.up))
        }
        return (0..<grid.outputHeight).flatMap { oy in
            (0..<grid.outputWidth).map { ox in
                range(oy, grid.outputHeight, grid.height).flatMap { y in
                    range(ox, grid.outputWidth, grid.width).map { x in (y * grid.width + x) * grid.channels }
                }
            }
        }
    }

    @Test func windowsSeeTheImage() {
        for window in randomWindows(300, seed: 3) {
            #expect(window.seesImageEverywhere == window.bins.allSatisfy { !$0.isEmpty }, "\(window)")
        }
        // Both taps of the first place are outside, though the padding is half of the kernel.
        let gap = Window(
            channels: 1,
            height: 2,
            width: 2,
            kernel: (2, 2),
            stride: (1, 1),
            padding: (1, 1),
            dilation: (3, 3)
        )
        #expect(!gap.seesImageEverywhere)
    }

    /// The first of equal maxima is named and takes the gradient; by a search, on images with many ties.
    @Test func maximum() {
        for window in Self.windows {
            let image = testFloats(window.imageCount, seed: 4, scale: 2).map { $0.rounded() }
            let given = testFloats(window.pooledCount, seed: 5, scale: 8).map { $0.rounded() }
            var output = [Float](repeating: .nan, count: given.count)
            var outputSpan = output.mutableSpan
            let argument = written(given.count) { window.maximum(of: image.span, into: &outputSpan, argument: &$0) }
            let gradient = written(image.count) {
                window.maximumBackward(argument: argument.span, outputGradient: given.span, into: &$0)
            }
            var expected = [Float](repeating: 0, count: image.count)
            var places: [Int] = []
            for (position, bin) in window.bins.enumerated() {
                for c in 0..<window.channels {
                    let greatest = bin.map { image[$0 + c] }.max()
                    let place = bin.first { image[$0 + c] == greatest }! + c
                    places.append(place)
                    expected[place] += given[position * window.channels + c]
                }
            }
            #expect(argument.map { Int($0.bitPattern) } == places, "\(window)")
            #expect(output == places.map { image[$0] } && gradient == expected, "\(window)")
        }
    }

    /// A NaN is before all, of several the last is named; a window of -infinities names its first element.
    @Test(arguments: [1, 2, 5, 16, 19])
    func maximumOfSpecialValues(channels: Int) {
        let window = Window(
            channels: channels,
            height: 2,
            width: 3,
            kernel: (2, 2),
            stride: (1, 1),
            padding: (0, 0)
        )
        func maximum(_ pixels: [Float]) -> (maxima: [Float], places: [Int]) {
            let image = pixels.flatMap { [Float](repeating: $0, count: channels) }
            var maxima = [Float](repeating: 0, count: 2 * channels)
            var span = maxima.mutableSpan
            let argument = written(2 * channels) { window.maximum(of: image.span, into: &span, argument: &$0) }
            for (index, place) in argument.enumerated() {
                #expect(Int(place.bitPattern) % channels == index % channels)
            }
            return (
                [maxima[0], maxima[channels]], [argument[0], argument[channels]].map { Int($0.bitPattern) / channels }
            )
        }
        var found = maximum([1, 2, 3, .nan, 5, .infinity])
        #expect(found.maxima[0].isNaN && found.maxima[1] == .infinity && found.places == [3, 5])
        found = maximum([.nan, 9, .nan, 3, .nan, .infinity])
        #expect(found.maxima.allSatisfy { $0.isNaN } && found.places == [4, 4])
        found = maximum([-.infinity, -.infinity, -.infinity, -.infinity, -.infinity, -7])
        #expect(found.maxima == [-.infinity, -7] && found.places == [0, 5])
        found = maximum([-0.0, 0, -0.0, 0, -0.0, 0])
        #expect(found.places == [0, 1])
    }

    /// Windows may overlap and a NaN gradient stays where it belongs; indices that name nothing write nothing.
    @Test func maximumBackwardStaysInItsWindow() {
        let window = Window(channels: 3, height: 1, width: 4, kernel: (1, 2), stride: (1, 2), padding: (0, 0))
        let argument = [3, 1, 99, 6, .max, 11].map { Float(bitPattern: $0) }
        let gradient = written(12) {
            window.maximumBackward(argument: argument.span, outputGradient: [.nan, 2, 3, 4, 5, 6].span, into: &$0)
        }
        #expect(gradient[3].isNaN)
        #expect(gradient[..<3] == [0, 2, 0] && gradient[4...] == [0, 0, 4, 0, 0, 0, 0, 6])
    }

    /// Against sums in Double.
    private static func checkAverage(
        _ bins: Bins,
        channels: Int,
        divisors: [Int],
        image: [Float],
        _ output: [Float],
        _ given: [Float],
        _ gradient: [Float]
    ) {
        var expected = [Double](repeating: 0, count: image.count)
        var size = [Double](repeating: 0, count: image.count)
        for (position, bin) in bins.enumerated() {
            let divisor = Double(divisors[position])
            for c in 0..<channels {
                let at = position * channels + c
                let truth = bin.reduce(0.0) { $0 + Double(image[$1 + c]) } / divisor
                let magnitude = bin.reduce(0.0) { $0 + Double(abs(image[$1 + c])) } / divisor
                #expect(abs(Double(output[at]) - truth) <= Double(bin.count + 1) * 0x1p-24 * magnitude)
                for place in bin {
                    expected[place + c] += Double(given[at]) / divisor
                    size[place + c] += Double(abs(given[at])) / divisor
                }
            }
        }
        for (index, truth) in expected.enumerated() {
            #expect(abs(Double(gradient[index]) - truth) <= 64 * 0x1p-24 * size[index])
        }
    }

    @Test(arguments: [false, true])
    func average(countsPadding: Bool) {
        for window in Self.windows {
            let image = testFloats(window.imageCount, seed: 6)
            let given = testFloats(window.pooledCount, seed: 7)
            let output = written(given.count) {
                window.average(of: image.span, countsPadding: countsPadding, into: &$0)
            }
            let gradient = written(image.count) {
                window.averageBackward(outputGradient: given.span, countsPadding: countsPadding, into: &$0)
            }
            let divisors = window.bins.map { countsPadding ? window.kernelHeight * window.kernelWidth : $0.count }
            Self.checkAverage(
                window.bins,
                channels: window.channels,
                divisors: divisors,
                image: image,
                output,
                given,
                gradient
            )
        }
    }

    @Test func adaptiveAverage() {
        for grid in Self.grids {
            let bins = Self.bins(grid)
            let image = testFloats(grid.imageCount, seed: 8)
            let given = testFloats(grid.pooledCount, seed: 9)
            let output = written(given.count) { grid.average(of: image.span, into: &$0) }
            let gradient = written(image.count) { grid.averageBackward(outputGradient: given.span, into: &$0) }
            Self.checkAverage(
                bins,
                channels: grid.channels,
                divisors: bins.map(\.count),
                image: image,
                output,
                given,
                gradient
            )
        }
    }

    /// A NaN or infinity reaches the windows that see it, in its channel, and no other.
    @Test(arguments: [1, 6, 16, 33])
    func averageKeepsNaNApart(channels: Int) {
        let window = Window(
            channels: channels,
            height: 6,
            width: 6,
            kernel: (2, 2),
            stride: (2, 2),
            padding: (0, 0)
        )
        var image = testFloats(window.imageCount, seed: 10)
        let clean = written(window.pooledCount) { window.average(of: image.span, into: &$0) }
        let (place, last) = (window.bins[4][3], channels - 1)
        image[place + last] = .nan
        let output = written(window.pooledCount) { window.average(of: image.span, into: &$0) }
        for index in output.indices {
            #expect(index == 4 * channels + last ? output[index].isNaN : output[index] == clean[index])
        }
    }
}
