// SPDX-License-Identifier: Apache-2.0

import Kernels
import Networks

/// Every kind of numbers that products can be computed with, beside plain floats.
enum LowPrecision {
    static let all = [
        Numerics(arithmetic: ProductArithmetic(.tf32)),
        Numerics(arithmetic: ProductArithmetic(.tf32, rounding: .truncated)),
        Numerics(arithmetic: ProductArithmetic(.bf16)),
        Numerics(arithmetic: ProductArithmetic(.fp16)),
        Numerics(arithmetic: ProductArithmetic(.bf16, accumulation: .fp64)),
        Numerics(arithmetic: ProductArithmetic(.fp32, accumulation: .fp64)),
        Numerics(arithmetic: ProductArithmetic(.bf16), storage: .bf16),
        Numerics(arithmetic: ProductArithmetic(.fp16), storage: .fp16),
    ]
}
