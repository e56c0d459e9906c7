// SPDX-License-Identifier: Apache-2.0

extension ClipFactor {
    /// The factor that a plan asks for, at a clip norm, for gradients of the scaled loss.
    init(_ plan: ClippingPlan, clip: Double) {
        let caps = plan.weights.compactMap {
            $0.leafCapacity == nil ? nil : plan.options.capsMass ? $0.massCap : .infinity
        }
        self.init(
            clip: clip * plan.lossScale,
            massCaps: caps,
            gridExponent: plan.scaledGridExponent,
            rule: plan.options.rule,
            lossScale: plan.lossScale
        )
    }
}
