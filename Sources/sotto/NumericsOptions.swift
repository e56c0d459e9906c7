// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Kernels
import Networks
import Training

extension Precision: ExpressibleByArgument {}
extension ProductArithmetic.Rounding: ExpressibleByArgument {}
extension ProductArithmetic.Accumulation: ExpressibleByArgument {}

/// What activations and gradients rest in.
enum Storage: String, ExpressibleByArgument, CaseIterable, Encodable {
    case fp32
    case bf16
    case fp16

    var format: NumberFormat? { NumberFormat(rawValue: rawValue) }
}

/// The numbers to compute with.
struct NumericsOptions: ParsableArguments {
    @Option(help: "What operands of products are rounded to: fp32, tf32, bf16, fp16.")
    var precision = Precision.fp32

    @Option(help: "What activations and gradients rest in between operations: fp32, bf16, fp16.")
    var storage = Storage.fp32

    @Option(help: "How operands are rounded: nearest or, for tf32 only, truncated.")
    var rounding = ProductArithmetic.Rounding.nearest

    @Option(help: "What the terms of products are added up in: fp32, fp64.")
    var accumulation = ProductArithmetic.Accumulation.fp32

    @Option(
        help: """
            The constant factor of every example's loss, a power of two up to 2^24; by default 1, or 256 with fp16. One \
            that follows the data ('dynamic') would tell about it and is refused.
            """
    )
    var lossScale: String?

    @Option(
        help:
            "The most that rounding in fewer bits may raise the sensitivity, as a factor, before a method is refused; 1.1 by default."
    )
    var largestInflation: Double?

    @Flag(help: "Do not use the processor's BF16 dot products; the results are the same.")
    var emulated = false

    func validate() throws {
        guard rounding == .nearest || precision == .tf32 else {
            throw ValidationError("--rounding truncated: only with --precision tf32")
        }
        if let largestInflation {
            guard largestInflation > 1, largestInflation <= 100 else {
                throw ValidationError("--largest-inflation \(largestInflation): above 1, at most 100")
            }
            guard precision != .fp32 else {
                throw ValidationError("--largest-inflation: only with operands in fewer bits (--precision)")
            }
        }
        guard !emulated || precision == .bf16 else {
            throw ValidationError("--emulated: only with --precision bf16")
        }
        _ = try scale()
    }

    private func scale() throws -> Float? {
        guard let lossScale else { return nil }
        guard lossScale != "dynamic" else {
            throw ValidationError(
                """
                --loss-scale dynamic: a scale that follows overflows lets one example change all others' steps, which no \
                noise covers; give a constant power of two
                """
            )
        }
        guard let scale = Float(lossScale), scale >= 1, scale <= 0x1p24, scale.significand == 1 else {
            throw ValidationError("--loss-scale \(lossScale): a power of two from 1 to 16777216")
        }
        return scale
    }

    /// The most that rounding may raise the sensitivity.
    var inflationLimit: Double { largestInflation ?? ClippingPlan.Options().inflationLimit }

    /// What was chosen.
    func numerics() throws -> Numerics {
        Numerics(
            arithmetic: ProductArithmetic(
                precision,
                rounding: rounding,
                accumulation: accumulation,
                usesDotProducts: !emulated
            ),
            storage: storage.format,
            lossScale: try scale()
        )
    }
}
