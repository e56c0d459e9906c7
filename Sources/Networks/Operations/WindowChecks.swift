// SPDX-License-Identifier: Apache-2.0

internal import Kernels

extension Window {
    /// A window over `input`, or why there is none.
    static func checked(
        input: Shape,
        kernel: (height: Int, width: Int),
        stride: (y: Int, x: Int),
        padding: (y: Int, x: Int) = (0, 0),
        dilation: (y: Int, x: Int) = (1, 1),
        groups: Int = 1
    ) throws(OperationError) -> Window {
        guard input.dimensions.count == 3 else {
            throw OperationError(reason: "it needs [channels, height, width]")
        }
        let (channels, height, width) = (input.dimensions[0], input.dimensions[1], input.dimensions[2])
        let limit = 1 << 15
        let sizes = [kernel.height, kernel.width, stride.y, stride.x, dilation.y, dilation.x]
        guard sizes.allSatisfy((1...limit).contains), (0...limit).contains(padding.y), (0...limit).contains(padding.x)
        else {
            throw OperationError(
                reason: "kernel, stride and dilation must be in 1...\(limit) and padding in 0...\(limit)"
            )
        }
        guard groups >= 1, channels % groups == 0 else {
            throw OperationError(reason: "\(channels) channels cannot be divided into \(groups) groups")
        }
        let reach = (height: (kernel.height - 1) * dilation.y + 1, width: (kernel.width - 1) * dilation.x + 1)
        guard reach.height <= height + 2 * padding.y, reach.width <= width + 2 * padding.x else {
            let least = "[\(max(reach.height - 2 * padding.y, 1)), \(max(reach.width - 2 * padding.x, 1))]"
            throw OperationError(
                reason: "its \(reach.height) x \(reach.width) window needs an image of at least \(least)"
            )
        }
        return Window(
            channels: channels,
            height: height,
            width: width,
            kernel: kernel,
            stride: stride,
            padding: padding,
            dilation: dilation,
            groups: groups
        )
    }
}
