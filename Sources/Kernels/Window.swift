// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// A window that slides over an image: the geometry of a convolution or a pooling.
///
/// The image lies in memory as [height][width][channels] and outputs as [outputHeight][outputWidth][channels]; a
/// position is a place of the output, counted row by row. Tap (ky, kx) of the window at output place (oy, ox) sees row
/// oy · strideY + ky · dilationY - paddingY of the image, and so across.
package struct Window: Hashable, Sendable {
    /// The image.
    package let channels, height, width: Int
    /// Taps of the window.
    package let kernelHeight, kernelWidth: Int
    /// From one output place to the next.
    package let strideY, strideX: Int
    /// Rows and columns around the image, on each side.
    package let paddingY, paddingX: Int
    /// From one tap to the next.
    package let dilationY, dilationX: Int
    /// Parts that the channels fall into, each seen apart; a divisor of `channels`.
    package let groups: Int

    /// Places of the window down, ⌊(height + 2 padding - dilation (kernel - 1) - 1) / stride⌋ + 1.
    package var outputHeight: Int { (height + 2 * paddingY - dilationY * (kernelHeight - 1) - 1) / strideY + 1 }
    /// Places of the window across.
    package var outputWidth: Int { (width + 2 * paddingX - dilationX * (kernelWidth - 1) - 1) / strideX + 1 }
    /// Places of the window in all.
    package var positions: Int { outputHeight * outputWidth }
    /// Channels of one group.
    package var groupChannels: Int { channels / groups }
    /// Elements that the window sees of one group at one position.
    package var patchCount: Int { kernelHeight * kernelWidth * groupChannels }
    /// Elements of the image.
    package var imageCount: Int { channels * height * width }
    /// Elements of a pooled image, [outputHeight][outputWidth][channels].
    package var pooledCount: Int { positions * channels }

    /// Whether the patches of all positions are the image itself: a 1x1 window, no stride, no padding, one group.
    package var isIdentity: Bool {
        kernelHeight == 1 && kernelWidth == 1 && strideY == 1 && strideX == 1 && paddingY == 0 && paddingX == 0
            && groups == 1
    }

    /// Whether the window sees an element of the image at every position, as pooling needs. Padding up to half of the
    /// kernel is enough where there is no dilation.
    package var seesImageEverywhere: Bool {
        Self.seesAll(height, outputHeight, kernelHeight, strideY, paddingY, dilationY)
            && Self.seesAll(width, outputWidth, kernelWidth, strideX, paddingX, dilationX)
    }

    private static func seesAll(
        _ size: Int,
        _ places: Int,
        _ kernel: Int,
        _ stride: Int,
        _ padding: Int,
        _ dilation: Int
    ) -> Bool {
        // The first tap moves by the stride: before the image at the first places, and inside of it until the last.
        guard (places - 1) * stride - padding < size else { return false }
        return Swift.stride(from: -padding, to: min(0, (places - 1) * stride - padding + 1), by: stride).allSatisfy {
            first in
            let tap = (dilation - 1 - first) / dilation
            return tap < kernel && first + tap * dilation < size
        }
    }

    /// Traps where the window does not fit into the padded image; who builds a network checks before.
    package init(
        channels: Int,
        height: Int,
        width: Int,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int),
        dilation: (y: Int, x: Int) = (1, 1),
        groups: Int = 1
    ) {
        precondition(channels > 0 && height > 0 && width > 0, "an image has at least one element")
        precondition(stride.y > 0 && stride.x > 0 && padding.y >= 0 && padding.x >= 0, "stride or padding out of range")
        precondition(kernel.height > 0 && kernel.width > 0, "a window has at least one tap")
        precondition(dilation.y > 0 && dilation.x > 0, "dilation out of range")
        precondition(groups > 0 && channels.isMultiple(of: groups), "the groups do not divide the channels")
        precondition(dilation.y * (kernel.height - 1) < height + 2 * padding.y, "the window does not fit")
        precondition(dilation.x * (kernel.width - 1) < width + 2 * padding.x, "the window does not fit")
        self.channels = channels
        self.height = height
        self.width = width
        (kernelHeight, kernelWidth) = kernel
        (strideY, strideX) = stride
        (paddingY, paddingX) = padding
        (dilationY, dilationX) = dilation
        self.groups = groups
    }

    /// For the loops in C.
    var c: sotto_window {
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
            dilation_y: dilationY,
            dilation_x: dilationX,
            groups: groups,
            output_height: outputHeight,
            output_width: outputWidth
        )
    }
}
