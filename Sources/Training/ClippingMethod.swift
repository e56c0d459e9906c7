// SPDX-License-Identifier: Apache-2.0

/// How the gradients of single examples become one clipped sum. What a method costs and guarantees for a network is in
/// its ``ClippingPlan``.
package enum ClippingMethod: String, Hashable, Sendable, CaseIterable {
    /// The plain sum, nothing clipped: not private, for comparison.
    case none
    /// One example's whole gradient at a time, clipped in integers.
    case perExample = "per-example"
    /// Norms from every weight's gradient of every example, which is then made a second time, scaled and added as integers.
    case exact
    /// Norms from Gram matrices; everything is computed a second time for the sum.
    case ghost
    /// As `ghost`, with gradients made where a Gram matrix would be larger: where 2T² > pD.
    case mixedGhost = "mixed-ghost"
    /// Norms from Gram matrices; what they were made of is kept for the sum.
    case bookKeeping = "book-keeping"
    /// As `bookKeeping`, with gradients made where a Gram matrix would be larger: where 2T² > pD.
    case bookKeepingMix = "book-keeping-mix"
    /// A threshold for every layer: each is clipped and added during the one backward pass.
    case perLayer = "per-layer"
    /// The fastest plan for this network, machine and memory limit.
    case auto

    /// The method of this name.
    ///
    /// - Throws: ``TrainingError/unknownClipping(name:known:)``, which lists what exists.
    package static func named(_ name: String) throws(TrainingError) -> ClippingMethod {
        guard let method = ClippingMethod(rawValue: name) else {
            throw .unknownClipping(name: name, known: allCases.map(\.rawValue))
        }
        return method
    }
}

/// How long a clipped gradient may be, given its norm n: never longer than C.
package enum ClipRule: String, Hashable, Sendable, CaseIterable {
    /// min(1, C / n): Abadi et al., "Deep Learning with Differential Privacy" (CCS 2016).
    case abadi
    /// C / (n + 0.01): AUTO-S of Bu et al., "Automatic Clipping" (NeurIPS 2023), with its stability constant.
    case automatic

    /// The norm that a gradient of norm `norm` is divided by, in units of C: the factor is the lesser of C over it and,
    /// for `abadi`, 1.
    ///
    /// - Parameter unit: what a gradient of length 1 has become in the norm's units: the loss scale.
    func divisor(norm: Double, unit: Double = 1) -> Double {
        switch self {
        case .abadi: norm
        case .automatic: norm + 0.01 * unit
        }
    }

    /// The greatest factor.
    var largestFactor: Double { self == .abadi ? 1 : .infinity }
}
