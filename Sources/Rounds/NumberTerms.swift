// SPDX-License-Identifier: Apache-2.0

/// The numbers that a task's gradients are computed with, by name: public, the same on every device, and part of the plan's
/// hash, because the certificate that the noise is planned for is about them.
package struct NumberTerms: Hashable, Sendable {
    /// What operands of products are rounded to: one of ``precisions``.
    package let precision: String
    /// What activations and gradients rest in between operations: one of ``storages``.
    package let storage: String
    /// Every example's loss is multiplied by two to this power, 0...24, before its gradient is computed.
    package let lossScaleExponent: Int

    package static let precisions = ["fp32", "tf32", "bf16", "fp16"]
    package static let storages = ["fp32", "bf16", "fp16"]

    /// Floats everywhere: what a plan that does not speak of numbers means.
    package static let single = NumberTerms(precision: "fp32", storage: "fp32", lossScaleExponent: 0)

    package init(precision: String, storage: String, lossScaleExponent: Int) {
        self.precision = precision
        self.storage = storage
        self.lossScaleExponent = lossScaleExponent
    }
}
