// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// A window that slides over an image [channels, height, width]: the geometry of a convolution or a pooling.
package struct Window: Hashable, Sendable {
    /// The image.
    package let channels, height, width: Int
    /// The window.
    package let kernelHeight, kernelWidth: Int
    /// From one output position to the next.
    package let strideY, strideX: Int
    /// Zeros around the image, on each side.
    package let paddingY, paddingX: Int

    /// Positions of the window, (height + 2 padding - kernel) / stride + 1.
    package var outputHeight: Int { (height + 2 * paddingY - kernelHeight) / strideY + 1 }
    /// Positions of the window across.
    package var outputWidth: Int { (width + 2 * paddingX - kernelWidth) / strideX + 1 }
    /// Positions of the window in all.
    package var positions: Int { outputHeight * outputWidth }
    /// Elements that the window sees at one position, all channels.
    package var patchCount: Int { channels * kernelHeight * kernelWidth }
    /// Elements of the image.
    package var imageCount: Int { channels * height * width }

    /// Traps where the window does not fit into the padded image; who builds a network checks before.
    package init(
        channels: Int,
        height: Int,
        width: Int,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int)
    ) {
        precondition(channels > 0 && height > 0 && width > 0, "an image has at least one element")
        precondition(stride.y > 0 && stride.x > 0 && padding.y >= 0 && padding.x >= 0, "stride or padding out of range")
        precondition(kernel.height > 0 && kernel.height <= height + 2 * padding.y, "the window does not fit")
        precondition(kernel.width > 0 && kernel.width <= width + 2 * padding.x, "the window does not fit")
        self.channels = channels
        self.height = height
        self.width = width
        (kernelHeight, kernelWidth) = kernel
        (strideY, strideX) = stride
        (paddingY, paddingX) = padding
    }

    private var c: sotto_window {
        sotto_window(
            channels: channels,
            height: height,
            width: width,
            kernel_height: kernelHeight,
            kernel_width: kernelWidth,
            stride_y: strideY,
            stride_x: strideX,
            padding_y: paddingY,
            padding_x: paddingX,
            output_height: outputHeight,
            output_width: outputWidth
        )
    }

    /// patches[positions, patchCount]: row p is what the window sees at position p ("im2col", one row a position).
    package func patches(of image: Span<Float>, into patches: inout MutableSpan<Float>) {
        precondition(image.count == imageCount && patches.count == positions * patchCount, "sizes differ")
        unsafe image.withUnsafeBufferPointer { image in
            unsafe patches.withUnsafeMutableBufferPointer { patches in
                unsafe sotto_patches(image.baseAddress!, c, patches.baseAddress!)
            }
        }
    }

    /// The adjoint of `patches(of:into:)`: every patch element is added where it came from ("col2im").
    package func image(ofPatches patches: Span<Float>, into image: inout MutableSpan<Float>) {
        precondition(image.count == imageCount && patches.count == positions * patchCount, "sizes differ")
        unsafe patches.withUnsafeBufferPointer { patches in
            unsafe image.withUnsafeMutableBufferPointer { image in
                unsafe sotto_patches_adjoint(patches.baseAddress!, c, image.baseAddress!)
            }
        }
    }

    /// The greatest element of every window, [channels, outputHeight, outputWidth]; a NaN wins. No padding.
    package func maximum(of image: Span<Float>, into output: inout MutableSpan<Float>) {
        precondition(paddingX == 0 && paddingY == 0, "pooling has no padding")
        precondition(image.count == imageCount && output.count == channels * positions, "sizes differ")
        unsafe image.withUnsafeBufferPointer { image in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe sotto_max_pool(image.baseAddress!, c, output.baseAddress!)
            }
        }
    }

    /// Gives the gradient of every window's maximum to the first element, row by row, that equals it.
    package func maximumBackward(
        image: Span<Float>,
        output: Span<Float>,
        outputGradient: Span<Float>,
        into imageGradient: inout MutableSpan<Float>
    ) {
        precondition(paddingX == 0 && paddingY == 0, "pooling has no padding")
        precondition(image.count == imageCount && imageGradient.count == imageCount, "sizes differ")
        precondition(output.count == channels * positions && outputGradient.count == output.count, "sizes differ")
        unsafe image.withUnsafeBufferPointer { image in
            unsafe output.withUnsafeBufferPointer { output in
                unsafe outputGradient.withUnsafeBufferPointer { given in
                    unsafe imageGradient.withUnsafeMutableBufferPointer { result in
                        unsafe sotto_max_pool_backward(
                            image.baseAddress!,
                            output.baseAddress!,
                            given.baseAddress!,
                            c,
                            result.baseAddress!
                        )
                    }
                }
            }
        }
    }
}
