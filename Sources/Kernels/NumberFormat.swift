// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// A binary format of fewer bits than a float's, to which operands are rounded; every number of it is a float.
package enum NumberFormat: String, Hashable, Sendable, Codable, CaseIterable {
    /// 8 exponent bits, 10 fraction bits.
    case tf32
    /// 8 exponent bits, 7 fraction bits.
    case bf16
    /// IEEE 754 binary16: 5 exponent bits, 10 fraction bits, subnormals.
    case fp16

    /// Bits of the fraction.
    package var fractionBits: Int { self == .bf16 ? 7 : 10 }

    /// u: half a unit in the last place of 1, the relative error of rounding to nearest where the result is normal.
    package var unitRoundoff: Double { self == .bf16 ? 0x1p-8 : 0x1p-11 }

    /// The step between subnormal numbers: half of it is the error there.
    package var smallestStep: Double {
        switch self {
        case .tf32: 0x1p-136
        case .bf16: 0x1p-133
        case .fp16: 0x1p-24
        }
    }

    /// The largest finite number; what rounds beyond it becomes infinite.
    package var largest: Float {
        switch self {
        case .tf32: 0x1.FFCp127
        case .bf16: 0x1.FEp127
        case .fp16: 65504
        }
    }

    var code: Int32 {
        switch self {
        case .tf32: Int32(SOTTO_TF32)
        case .bf16: Int32(SOTTO_BF16)
        case .fp16: Int32(SOTTO_FP16)
        }
    }
}

extension NumberFormat {
    /// Rounds every value to the nearest number of the format, ties to even (IEEE 754, 4.3.1). A NaN stays a NaN.
    package func round(_ values: inout MutableSpan<Float>) {
        unsafe values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            unsafe sotto_round(base, base, values.count, code)
        }
    }

    /// Rounds every value towards zero, as some hardware does with the operands of its products.
    package func truncate(_ values: inout MutableSpan<Float>) {
        unsafe values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            unsafe sotto_truncate(base, base, values.count, code)
        }
    }

    /// Rounds every value to one of its two neighbours, away from zero with the probability that keeps the mean.
    ///
    /// - Parameter words: one uniform word a value, of which the low 16 bits are used; they may be public.
    package func roundStochastically(_ values: inout MutableSpan<Float>, words: Span<UInt32>) {
        precondition(words.count == values.count, "one word a value")
        unsafe words.withUnsafeBufferPointer { words in
            unsafe values.withUnsafeMutableBufferPointer { values in
                guard let base = values.baseAddress, let random = words.baseAddress else { return }
                unsafe sotto_round_stochastic(base, base, random, values.count, code)
            }
        }
    }

    /// The 16 bits of every value, rounded to nearest; not of `tf32`, which has more.
    package func pack(_ values: Span<Float>, into bits: inout MutableSpan<UInt16>) {
        precondition(self != .tf32 && bits.count == values.count, "16 bits a value")
        unsafe values.withUnsafeBufferPointer { values in
            unsafe bits.withUnsafeMutableBufferPointer { bits in
                guard let base = values.baseAddress, let target = bits.baseAddress else { return }
                unsafe sotto_pack16(target, base, values.count, code)
            }
        }
    }

    /// The values of 16 bits each.
    package func unpack(_ bits: Span<UInt16>, into values: inout MutableSpan<Float>) {
        precondition(self != .tf32 && bits.count == values.count, "16 bits a value")
        unsafe bits.withUnsafeBufferPointer { bits in
            unsafe values.withUnsafeMutableBufferPointer { values in
                guard let base = bits.baseAddress, let target = values.baseAddress else { return }
                unsafe sotto_unpack16(target, base, values.count, code)
            }
        }
    }
}
