// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Pools, [outputHeight][outputWidth][channels]; they take every channel apart, whatever the groups are.
extension Window {
    /// The greatest element of every window; places outside of the image count as -infinity, and a NaN wins.
    ///
    /// - Parameters:
    ///   - output: `pooledCount` maxima.
    ///   - argument: `pooledCount` places of the maxima in the image, each the bits of an Int32. Of equal elements the
    ///     first in row order is named, of several NaNs the last, as in PyTorch.
    ///
    /// Traps where `seesImageEverywhere` is false or the image has 2^31 elements.
    package func maximum(
        of image: Span<Float>,
        into output: inout MutableSpan<Float>,
        argument: inout MutableSpan<Float>
    ) {
        precondition(seesImageEverywhere, "the window may lie outside of the image")
        precondition(imageCount <= Int32.max, "the image is too large")
        precondition(image.count == imageCount, "sizes differ")
        precondition(output.count == pooledCount && argument.count == pooledCount, "sizes differ")
        unsafe image.withUnsafeBufferPointer { image in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe argument.withUnsafeMutableBufferPointer { argument in
                    unsafe sotto_max_pool(image.baseAddress!, c, output.baseAddress!, argument.baseAddress!)
                }
            }
        }
    }

    /// imageGradient = 0, then the gradient of every maximum is added to the element that `argument` names.
    package func maximumBackward(
        argument: Span<Float>,
        outputGradient: Span<Float>,
        into imageGradient: inout MutableSpan<Float>
    ) {
        precondition(imageGradient.count == imageCount && imageCount <= Int32.max, "sizes differ")
        precondition(argument.count == pooledCount && outputGradient.count == pooledCount, "sizes differ")
        unsafe argument.withUnsafeBufferPointer { argument in
            unsafe outputGradient.withUnsafeBufferPointer { given in
                unsafe imageGradient.withUnsafeMutableBufferPointer { result in
                    unsafe sotto_max_pool_backward(
                        argument.baseAddress!,
                        given.baseAddress!,
                        c,
                        result.baseAddress!
                    )
                }
            }
        }
    }

    /// The average of every window.
    ///
    /// - Parameter countsPadding: whether to divide by all taps, so that places outside of the image count as zeros
    ///   (PyTorch's `count_include_pad`), or by the elements seen; then traps where `seesImageEverywhere` is false.
    package func average(
        of image: Span<Float>,
        countsPadding: Bool = true,
        into output: inout MutableSpan<Float>
    ) {
        precondition(countsPadding || seesImageEverywhere, "the window may lie outside of the image")
        precondition(image.count == imageCount && output.count == pooledCount, "sizes differ")
        unsafe image.withUnsafeBufferPointer { image in
            unsafe output.withUnsafeMutableBufferPointer { output in
                unsafe sotto_average_pool(image.baseAddress!, c, countsPadding ? 1 : 0, output.baseAddress!)
            }
        }
    }

    /// The adjoint of `average(of:countsPadding:into:)`; overwrites `imageGradient`.
    package func averageBackward(
        outputGradient: Span<Float>,
        countsPadding: Bool = true,
        into imageGradient: inout MutableSpan<Float>
    ) {
        precondition(countsPadding || seesImageEverywhere, "the window may lie outside of the image")
        precondition(imageGradient.count == imageCount && outputGradient.count == pooledCount, "sizes differ")
        unsafe outputGradient.withUnsafeBufferPointer { given in
            unsafe imageGradient.withUnsafeMutableBufferPointer { result in
                unsafe sotto_average_pool_backward(
                    given.baseAddress!,
                    c,
                    countsPadding ? 1 : 0,
                    result.baseAddress!
                )
            }
        }
    }
}
