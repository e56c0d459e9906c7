// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension Window {
    /// patches[positions.count][kernelHeight][kernelWidth][groupChannels]: row r is what the window sees of `group` at
    /// position positions.lowerBound + r, zeros outside of the image ("im2col", one row a position).
    package func patches(
        of image: Span<Float>,
        positions range: Range<Int>,
        group: Int = 0,
        into patches: inout MutableSpan<Float>
    ) {
        checkPatches(range, group, imageCount: image.count, patchesCount: patches.count)
        unsafe image.withUnsafeBufferPointer { image in
            unsafe patches.withUnsafeMutableBufferPointer { patches in
                unsafe sotto_patches(
                    image.baseAddress!,
                    c,
                    range.lowerBound,
                    range.count,
                    group,
                    patches.baseAddress
                )
            }
        }
    }

    /// The adjoint of `patches(of:positions:group:into:)`: adds every patch element where it came from ("col2im"),
    /// position after position, so that parts of the positions in turn give the same bits as all at once. Who wants the
    /// sum alone clears the image before.
    package func addPatches(
        _ patches: Span<Float>,
        positions range: Range<Int>,
        group: Int = 0,
        to image: inout MutableSpan<Float>
    ) {
        checkPatches(range, group, imageCount: image.count, patchesCount: patches.count)
        unsafe patches.withUnsafeBufferPointer { patches in
            unsafe image.withUnsafeMutableBufferPointer { image in
                unsafe sotto_add_patches(
                    patches.baseAddress,
                    c,
                    range.lowerBound,
                    range.count,
                    group,
                    image.baseAddress!
                )
            }
        }
    }

    private func checkPatches(_ range: Range<Int>, _ group: Int, imageCount: Int, patchesCount: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= positions, "positions outside of the output")
        precondition(group >= 0 && group < groups, "no such group")
        precondition(imageCount == self.imageCount && patchesCount == range.count * patchCount, "sizes differ")
    }
}
