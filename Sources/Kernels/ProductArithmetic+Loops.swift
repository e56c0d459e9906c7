// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension ProductArithmetic {
    enum Path {
        case floats, rounded, dots, wide
    }

    /// Which loops compute it.
    var path: Path {
        if accumulation == .fp64 { return .wide }
        switch precision {
        case .fp32: return .floats
        case .bf16: return usesDotProducts && FixedOrderProduct.hasDotProducts ? .dots : .rounded
        case .tf32, .fp16: return .rounded
        }
    }

    /// The rounding of operands, for the loops in C.
    var code: Int32 {
        let code =
            switch precision {
            case .fp32: SOTTO_OPERANDS_FP32
            case .tf32: rounding == .truncated ? SOTTO_OPERANDS_TF32_TRUNCATED : SOTTO_OPERANDS_TF32
            case .bf16: SOTTO_OPERANDS_BF16
            case .fp16: SOTTO_OPERANDS_FP16
            }
        return Int32(code)
    }

    /// Rounds to the nearest operand of a product.
    package func round(_ values: inout MutableSpan<Float>) {
        unsafe values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            unsafe sotto_round_operands(base, values.count, base, values.count, 1, values.count, code)
        }
    }

    /// u_op: the greatest relative error of a rounded operand that is not subnormal; 0 where nothing is rounded.
    package var operandRoundoff: Double {
        switch precision {
        case .fp32: 0
        case .tf32: rounding == .truncated ? 0x1p-10 : 0x1p-11
        case .bf16: 0x1p-8
        case .fp16: 0x1p-11
        }
    }

    /// Whether the processor's dot products compute it.
    package var usesHardware: Bool { path == .dots }

    /// Whether subnormal operands, sums and results are zeros.
    package var flushesSubnormals: Bool { precision == .bf16 && accumulation == .fp32 }

    /// Whether operands are better rounded before they are packed, where one is packed often.
    package var roundsOperands: Bool { path == .rounded || path == .wide && precision != .fp32 }
}
