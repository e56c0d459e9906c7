// SPDX-License-Identifier: Apache-2.0

import Kernels
package import Networks

extension Numerics {
    /// The numbers that a task's plan names; the plan has passed its rules.
    ///
    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` for a name that this build does not know.
    package init(precision: String, storage: String, lossScaleExponent: Int) throws(TrainingError) {
        guard let precision = Precision(rawValue: precision) else {
            throw .invalidArgument(
                name: "precision",
                value: precision,
                expected: Precision.allCases.map(\.rawValue).joined(separator: ", ")
            )
        }
        let format: NumberFormat?
        switch storage {
        case "fp32": format = nil
        case NumberFormat.bf16.rawValue: format = .bf16
        case NumberFormat.fp16.rawValue: format = .fp16
        default: throw .invalidArgument(name: "storage", value: storage, expected: "fp32, bf16, fp16")
        }
        guard (0...24).contains(lossScaleExponent) else {
            throw .invalidArgument(name: "loss scale", value: "2^\(lossScaleExponent)", expected: "2^0 to 2^24")
        }
        self.init(
            arithmetic: ProductArithmetic(precision),
            storage: format,
            lossScale: Float(sign: .plus, exponent: lossScaleExponent, significand: 1)
        )
    }
}
