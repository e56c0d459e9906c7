// SPDX-License-Identifier: Apache-2.0

/// A model step: post-processing of a released sum, so it costs no privacy.
///
/// The gradient it sees is `sum`[i] · `scale`, where `scale` is the grid's step over the normaliser q·N: public constants,
/// never a count of the examples that were drawn.
package protocol Optimizer: Sendable {
    /// The name in plans and reports.
    static var name: String { get }

    /// Moves `parameters` by one step.
    ///
    /// - Parameters:
    ///   - sum: the released integer sum, one value a parameter.
    ///   - scale: the factor from grid units to the mean gradient; positive and finite.
    mutating func step(parameters: inout MutableSpan<Float>, sum: Span<Int64>, scale: Double)

    /// What must survive a restart, in an order that ``restore(_:)`` understands.
    var state: [Float] { get }

    /// Takes back a state that ``state`` gave.
    ///
    /// - Throws: ``TrainingError/lengthMismatch(what:found:expected:)`` or
    ///   ``TrainingError/invalidArgument(name:value:expected:)`` when it has a wrong length or is not finite; the
    ///   optimizer is then unchanged.
    mutating func restore(_ state: [Float]) throws(TrainingError)

    /// Bytes of state for `dimension` parameters.
    static func plannedBytes(dimension: Int) -> Int
}

/// Stochastic gradient descent with momentum, by PyTorch's rule: v ← m·v + g, p ← p − lr·v, starting at v = 0.
package struct MomentumSGD: Optimizer {
    package static let name = "momentum-sgd"

    /// lr; positive and finite.
    package let learningRate: Float
    /// m, in 0..<1.
    package let momentum: Float
    private var velocity: [Float]

    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` when a rate is out of range.
    package init(dimension: Int, learningRate: Double, momentum: Double) throws(TrainingError) {
        guard learningRate.isFinite, learningRate > 0, learningRate <= 1e6 else {
            throw .invalidArgument(name: "learning rate", value: "\(learningRate)", expected: "above 0, at most 1e6")
        }
        guard momentum >= 0, momentum < 1 else {
            throw .invalidArgument(name: "momentum", value: "\(momentum)", expected: "at least 0, below 1")
        }
        guard dimension >= 1 else {
            throw .invalidArgument(name: "dimension", value: "\(dimension)", expected: "at least 1")
        }
        self.learningRate = Float(learningRate)
        self.momentum = Float(momentum)
        velocity = [Float](repeating: 0, count: dimension)
    }

    package mutating func step(parameters: inout MutableSpan<Float>, sum: Span<Int64>, scale: Double) {
        let count = velocity.count
        precondition(parameters.count == count && sum.count == count, "one value a parameter")
        let (momentum, learningRate) = (self.momentum, self.learningRate)
        var velocity = self.velocity.mutableSpan
        for index in 0..<count {
            let gradient = Float(Double(sum[index]) * scale)
            let next = momentum * velocity[index] + gradient
            velocity[index] = next
            parameters[index] -= learningRate * next
        }
    }

    package var state: [Float] { velocity }

    package mutating func restore(_ state: [Float]) throws(TrainingError) {
        guard state.count == velocity.count else {
            throw .lengthMismatch(what: "optimizer state", found: state.count, expected: velocity.count)
        }
        guard state.allSatisfy(\.isFinite) else {
            throw .invalidArgument(name: "optimizer state", value: "not finite", expected: "finite values")
        }
        velocity = state
    }

    package static func plannedBytes(dimension: Int) -> Int { dimension * MemoryLayout<Float>.stride }
}
