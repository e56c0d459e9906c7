// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// A grid of bins over an image [height][width][channels], each averaged to one element of an output
/// [outputHeight][outputWidth][channels]: PyTorch's `AdaptiveAvgPool2d`.
///
/// Bin i of n along an axis of s elements is ⌊i s / n⌋ ..< ⌈(i + 1) s / n⌉; bins overlap where n does not divide s.
package struct AdaptiveWindow: Hashable, Sendable {
    /// The image.
    package let channels, height, width: Int
    /// The grid.
    package let outputHeight, outputWidth: Int

    /// Elements of the image.
    package var imageCount: Int { channels * height * width }
    /// Elements of the output.
    package var pooledCount: Int { channels * outputHeight * outputWidth }

    /// Traps where a size is not positive.
    package init(channels: Int, height: Int, width: Int, outputHeight: Int, outputWidth: Int) {
        precondition(channels > 0 && height > 0 && width > 0, "an image has at least one element")
        precondition(outputHeight > 0 && outputWidth > 0, "a grid has at least one bin")
        self.channels = channels
        self.height = height
        self.width = width
        self.outputHeight = outputHeight
        self.outputWidth = outputWidth
    }

    private var c: sotto_bins {
        sotto_bins(
            channels: channels,
            height: height,
            width: width,
            output_height: outputHeight,
            output_width: outputWidth
        )
    }

    /// The average of every bin.
    package func average(of image: Span<Float>, into output: inout MutableSpan<Float>) {
        precondition(image.count == imageCount && output.count == pooledCount, "sizes differ")
        unsafe image.withUnsafeBufferPointer { image in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe sotto_adaptive_average_pool(image.baseAddress!, c, output.baseAddress!)
            }
        }
    }

    /// The adjoint of `average(of:into:)`; overwrites `imageGradient`.
    package func averageBackward(outputGradient: Span<Float>, into imageGradient: inout MutableSpan<Float>) {
        precondition(imageGradient.count == imageCount && outputGradient.count == pooledCount, "sizes differ")
        unsafe outputGradient.withUnsafeBufferPointer { given in
            unsafe imageGradient.withUnsafeMutableBufferPointer { result in
                unsafe sotto_adaptive_average_pool_backward(given.baseAddress!, c, result.baseAddress!)
            }
        }
    }
}
