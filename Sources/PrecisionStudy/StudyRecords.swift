// SPDX-License-Identifier: Apache-2.0

package import Training

/// What one training run gave.
package struct RunRecord: Hashable, Sendable, Codable {
    package let run: StudyRun
    /// On the test set; nil where training diverged.
    package let accuracy: Double?
    /// Nil where training diverged.
    package let loss: Double?
    package let testExamples: Int
    package let steps: Int
    /// Of all steps; evaluation and planning apart.
    package let seconds: Double
    /// Expected examples of all steps over the time they took.
    package let samplesPerSecond: Double
    /// Of the whole process while it trained; nil where the kernel does not tell.
    package let peakMiB: Double?
    /// What the run was planned to take beyond the process and its data; of one client in the federated setting.
    package let planMiB: Double
    package let physicalBatch: Int
    package let noiseMultiplier: Double?
    /// What the run would spend with secret randomness; nil without privacy, or where nothing can be claimed.
    package let epsilon: Double?
    package let sensitivityInflation: Double?
    /// What clipping did to all examples of all steps.
    package let clipping: ClippingDiagnostics.Counts
}

/// How a batch's sum agrees with the reference.
package struct SumAgreement: Hashable, Sendable, Codable {
    /// Of the angle between the sums; nil where one of them is zero or not finite.
    package let cosine: Double?
    /// The norm of the difference over the reference's norm; nil where that is not a number.
    package let relativeError: Double?
}

/// What a search for a neighbour beyond the certificate found.
package struct NeighbourFindings: Hashable, Sendable, Codable {
    /// Examples that were tried.
    package var tried = 0
    /// Of those, how many changed the integer sum by more than the certificate's bound.
    package var violations = 0
    /// The greatest change over the bound.
    package var largestRatio = 0.0
}

/// What a precision does to one batch, at the initial and at the final parameters of the run in fp32.
package struct ProbeRecord: Hashable, Sendable, Codable {
    package let cell: StudyCell
    package let initial: SumAgreement
    /// Nil where the run in fp32 diverged.
    package let final: SumAgreement?
    /// Nil without privacy, where nothing is certified.
    package let neighbours: NeighbourFindings?
}
