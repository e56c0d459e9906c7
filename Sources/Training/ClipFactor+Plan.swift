// SPDX-License-Identifier: Apache-2.0

extension ClipFactor {
    /// The factor that a plan asks for, at a clip norm.
    init(_ plan: ClippingPlan, clip: Double) {
        let caps = plan.weights.compactMap {
            $0.leafCapacity == nil ? nil : plan.options.capsMass ? $0.massCap : .infinity
        }
        self.init(clip: clip, massCaps: caps, gridExponent: plan.grid.exponent, rule: plan.options.rule)
    }
}
