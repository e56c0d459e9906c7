// SPDX-License-Identifier: Apache-2.0

import Kernels
import Synchronization

/// Counts what clipping did to the examples of some sums.
///
/// This is private information: it follows the data without noise. It is counted only where somebody passes such an object
/// in, which nothing that trains on private data does, and it is meant for data that is declared public.
package final class ClippingDiagnostics: Sendable {
    /// How many examples, of one or several sums; with a threshold for every layer, how many layers of examples.
    package struct Counts: Hashable, Sendable, Codable {
        package var examples = 0
        /// Whose gradient's norm was above the clip norm.
        package var clipped = 0
        /// Whom the mass cap made shorter than the norm alone would have.
        package var massCapped = 0
        /// Who contributed nothing, because a number was not finite.
        package var zeroed = 0

        package init() {}

        /// The share of examples with a norm above the clip norm; nil where there were none.
        package var clippedShare: Double? { examples == 0 ? nil : Double(clipped) / Double(examples) }
        /// The share of examples that are shorter because of the mass cap alone; nil where there were none.
        package var massCappedShare: Double? { examples == 0 ? nil : Double(massCapped) / Double(examples) }
    }

    private let examples = Atomic<Int>(0)
    private let clipped = Atomic<Int>(0)
    private let massCapped = Atomic<Int>(0)
    private let zeroed = Atomic<Int>(0)

    package init() {}

    /// What was counted so far.
    package var counts: Counts {
        var counts = Counts()
        counts.examples = examples.load(ordering: .relaxed)
        counts.clipped = clipped.load(ordering: .relaxed)
        counts.massCapped = massCapped.load(ordering: .relaxed)
        counts.zeroed = zeroed.load(ordering: .relaxed)
        return counts
    }

    /// Counts an example that was clipped as a whole.
    func note(_ outcome: IntegerClip.Outcome) {
        note(isClipped: outcome.isClipped, isMassCapped: false, isZeroed: outcome.isZeroed)
    }

    /// Counts an example by its clip factor.
    ///
    /// - Parameters:
    ///   - factor: what it was multiplied by.
    ///   - byNorm: what its norm alone would have given.
    func note(factor: Float, byNorm: Float) {
        note(isClipped: factor > 0 && byNorm < 1, isMassCapped: factor > 0 && factor < byNorm, isZeroed: factor == 0)
    }

    private func note(isClipped: Bool, isMassCapped: Bool, isZeroed: Bool) {
        examples.wrappingAdd(1, ordering: .relaxed)
        if isClipped { clipped.wrappingAdd(1, ordering: .relaxed) }
        if isMassCapped { massCapped.wrappingAdd(1, ordering: .relaxed) }
        if isZeroed { zeroed.wrappingAdd(1, ordering: .relaxed) }
    }
}
