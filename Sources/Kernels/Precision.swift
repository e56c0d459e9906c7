// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// What the operands of products are rounded to.
package enum Precision: String, Hashable, Sendable, Codable, CaseIterable {
    /// Floats as they are.
    case fp32
    /// 10 fraction bits, the range of Float.
    case tf32
    /// 7 fraction bits, the range of Float.
    case bf16
    /// IEEE 754 binary16.
    case fp16

    /// The format; nil where nothing is rounded.
    package var format: NumberFormat? {
        switch self {
        case .fp32: nil
        case .tf32: .tf32
        case .bf16: .bf16
        case .fp16: .fp16
        }
    }
}

/// How products are computed: what their operands are rounded to, and in what their terms are added.
///
/// A function of public values; the same for every operation of a network, forward and backward.
package struct ProductArithmetic: Hashable, Sendable {
    /// How operands are rounded.
    package enum Rounding: String, Hashable, Sendable, Codable, CaseIterable {
        /// To the nearest number, ties to even.
        case nearest
        /// Towards zero, as some hardware does with TF32.
        case truncated
    }

    /// Where the terms of a product are added up.
    package enum Accumulation: String, Hashable, Sendable, Codable, CaseIterable {
        case fp32
        /// In Float64; the result is rounded to Float once.
        case fp64
    }

    package var precision: Precision
    /// `truncated` is for ``Precision/tf32`` only.
    package var rounding: Rounding
    package var accumulation: Accumulation
    /// Whether BF16 products take the processor's dot products where there are any; the bits are the same.
    package var usesDotProducts: Bool

    /// Floats as they are, added up as floats.
    package static let single = ProductArithmetic(.fp32)

    package init(
        _ precision: Precision,
        rounding: Rounding = .nearest,
        accumulation: Accumulation = .fp32,
        usesDotProducts: Bool = true
    ) {
        precondition(rounding == .nearest || precision == .tf32, "only operands in TF32 are truncated")
        self.precision = precision
        self.rounding = rounding
        self.accumulation = accumulation
        self.usesDotProducts = usesDotProducts
    }
}
