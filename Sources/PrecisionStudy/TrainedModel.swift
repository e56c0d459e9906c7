// SPDX-License-Identifier: Apache-2.0

internal import Kernels
internal import Networks
internal import Training

/// What a training run leaves, before it is evaluated.
struct TrainedModel {
    /// What the run was planned with, and what that certifies and claims.
    struct Terms {
        var plannedBytes = 0
        var physicalBatch = 0
        var noiseMultiplier: Double?
        var epsilon: Double?
        var sensitivityInflation: Double?
    }

    /// Flat; nil where training diverged.
    let parameters: [Float]?
    /// Where the trainer made one.
    let evaluation: Evaluation?
    let seconds: Double
    let terms: Terms
    let clipping: ClippingDiagnostics.Counts

    init(
        parameters: [Float]?,
        evaluation: Evaluation? = nil,
        seconds: Double,
        terms: Terms,
        clipping: ClippingDiagnostics.Counts = ClippingDiagnostics.Counts()
    ) {
        let isFinite = parameters?.allSatisfy(\.isFinite) ?? false
        self.parameters = isFinite ? parameters : nil
        self.evaluation = evaluation
        self.seconds = seconds
        self.terms = terms
        self.clipping = clipping
    }
}

/// Times what happens in between, with pauses left out.
struct Stopwatch {
    private var start = ContinuousClock.now
    private(set) var seconds = 0.0

    mutating func go() { start = .now }
    mutating func pause() { seconds += (ContinuousClock.now - start) / .seconds(1) }
}
