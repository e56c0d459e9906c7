// SPDX-License-Identifier: Apache-2.0

import Testing
import Training

@Suite struct OptimizerTests {
    /// PyTorch may fuse a product and a sum: one rounding of difference a step, in values of order 1.
    private let tolerance: Float = 4e-6

    @Test func momentumIsPyTorchs() throws {
        let expected = try TrainingFixture.load().momentum
        let optimizer = try MomentumSGD(
            dimension: expected.start.count,
            learningRate: expected.learningRate,
            momentum: expected.momentum
        )
        var parameters = expected.start
        for (sum, after) in zip(expected.sums, expected.parameters) {
            step(optimizer, &parameters, sum, scale: expected.scale)
            for (found, value) in zip(parameters, after) { #expect(abs(found - value) < tolerance) }
        }
        for (found, value) in zip(optimizer.state, expected.velocity) { #expect(abs(found - value) < tolerance) }
    }

    @Test func stateSurvivesARestart() throws {
        let expected = try TrainingFixture.load().momentum
        let whole = try MomentumSGD(dimension: 5, learningRate: 0.5, momentum: 0.9)
        var parameters = expected.start
        for sum in expected.sums[..<3] { step(whole, &parameters, sum, scale: expected.scale) }

        let resumed = try MomentumSGD(dimension: 5, learningRate: 0.5, momentum: 0.9)
        try resumed.restore(whole.state)
        var resumedParameters = parameters
        for sum in expected.sums[3...] {
            step(whole, &parameters, sum, scale: expected.scale)
            step(resumed, &resumedParameters, sum, scale: expected.scale)
        }
        #expect(parameters == resumedParameters)
        #expect(whole.state == resumed.state)
    }

    @Test func foreignStateIsRefused() throws {
        let optimizer = try MomentumSGD(dimension: 3, learningRate: 0.5, momentum: 0.9)
        #expect(throws: TrainingError.self) { try optimizer.restore([1, 2]) }
        #expect(throws: TrainingError.self) { try optimizer.restore([1, .nan, 2]) }
        #expect(optimizer.state == [0, 0, 0])
    }

    @Test(arguments: [(0, 0.9), (-1, 0), (.nan, 0), (.infinity, 0), (1, 1), (1, -0.1), (1, .nan)])
    func ratesOutOfRangeAreRefused(_ learningRate: Double, _ momentum: Double) {
        #expect(throws: TrainingError.self) {
            try MomentumSGD(dimension: 3, learningRate: learningRate, momentum: momentum)
        }
    }

    private func step(_ optimizer: MomentumSGD, _ parameters: inout [Float], _ sum: [Int64], scale: Double) {
        var span = parameters.mutableSpan
        optimizer.step(parameters: &span, sum: sum.span, scale: scale)
    }
}
