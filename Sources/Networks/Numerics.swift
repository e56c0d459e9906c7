// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The numbers that a network computes with: public, and the same for every example.
package struct Numerics: Hashable, Sendable {
    /// How products are computed.
    package var arithmetic: ProductArithmetic
    /// The 16-bit format in which activations and gradients rest between operations; nil for Float.
    package var storage: NumberFormat?
    /// What every example's loss is multiplied by before the backward pass: a constant power of two, 2^0...2^24.
    ///
    /// It moves small gradients out of FP16's subnormal range, and norms, clip norm and grid move with it. One that follows
    /// the data, as is usual without privacy, would let one example change what happens to the others.
    package var lossScale: Float

    /// Floats everywhere.
    package static let single = Numerics()

    /// The loss scale where nobody chose one: 1, or 2^8 where gradients are rounded to FP16.
    package static func usualLossScale(_ precision: Precision, storage: NumberFormat?) -> Float {
        precision == .fp16 || storage == .fp16 ? 256 : 1
    }

    package init(arithmetic: ProductArithmetic = .single, storage: NumberFormat? = nil, lossScale: Float? = nil) {
        let scale = lossScale ?? Self.usualLossScale(arithmetic.precision, storage: storage)
        precondition(storage != .tf32, "TF32 is no format of 16 bits")
        precondition(scale >= 1 && scale <= 0x1p24 && scale.significand == 1, "a loss scale is 2^0...2^24")
        self.arithmetic = arithmetic
        self.storage = storage
        self.lossScale = scale
    }
}
