// SPDX-License-Identifier: Apache-2.0

import Kernels

/// A model step: post-processing of a released sum, so it costs no privacy.
///
/// The gradient it sees is `sum`[i] · `scale`, where `scale` is the grid's step over the normaliser q·N: public constants,
/// never a count of the examples that were drawn.
package protocol Optimizer: Sendable {
    /// The name in plans and reports.
    static var name: String { get }

    /// Moves some of the parameters by one step; may be called from several threads for ranges that are apart.
    ///
    /// - Parameters:
    ///   - offset: where the range begins.
    ///   - parameters: those of the range.
    ///   - sum: the released integer sum of the range, one value a parameter.
    ///   - scale: the factor from grid units to the mean gradient; positive and finite.
    func step(at offset: Int, parameters: inout MutableSpan<Float>, sum: Span<Int64>, scale: Double)

    /// What must survive a restart, in an order that ``restore(_:)`` understands.
    var state: [Float] { get }

    /// Takes back a state that ``state`` gave.
    ///
    /// - Throws: ``TrainingError/lengthMismatch(what:found:expected:)`` or
    ///   ``TrainingError/invalidArgument(name:value:expected:)`` when it has a wrong length or is not finite; the
    ///   optimizer is then unchanged.
    func restore(_ state: [Float]) throws(TrainingError)

    /// Bytes of state for `dimension` parameters.
    static func plannedBytes(dimension: Int, momentum: Double) -> Int
}

extension Optimizer {
    /// Moves all parameters by one step.
    package func step(parameters: inout MutableSpan<Float>, sum: Span<Int64>, scale: Double) {
        step(at: 0, parameters: &parameters, sum: sum, scale: scale)
    }
}

/// Stochastic gradient descent with momentum, by PyTorch's rule: v ← m·v + g, p ← p − lr·v, starting at v = 0.
package final class MomentumSGD: Optimizer {
    package static let name = "momentum-sgd"

    /// lr; positive and finite.
    package let learningRate: Float
    /// m, in 0..<1.
    package let momentum: Float
    private let dimension: Int
    /// Empty where there is no momentum.
    private let velocity: Buffer<Float>

    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` when a rate is out of range.
    package init(dimension: Int, learningRate: Double, momentum: Double) throws(TrainingError) {
        try Self.check(learningRate: learningRate, momentum: momentum)
        guard dimension >= 1 else {
            throw .invalidArgument(name: "dimension", value: "\(dimension)", expected: "at least 1")
        }
        self.learningRate = Float(learningRate)
        self.momentum = Float(momentum)
        self.dimension = dimension
        velocity = Buffer(count: momentum > 0 ? dimension : 0)
    }

    /// - Throws: ``TrainingError/invalidArgument(name:value:expected:)`` when a rate is out of range.
    package static func check(learningRate: Double, momentum: Double) throws(TrainingError) {
        guard learningRate.isFinite, learningRate > 0, learningRate <= 1e6 else {
            throw .invalidArgument(name: "learning rate", value: "\(learningRate)", expected: "above 0, at most 1e6")
        }
        guard momentum >= 0, momentum < 1 else {
            throw .invalidArgument(name: "momentum", value: "\(momentum)", expected: "at least 0, below 1")
        }
    }

    package func step(at offset: Int, parameters: inout MutableSpan<Float>, sum: Span<Int64>, scale: Double) {
        let count = sum.count
        precondition(parameters.count == count && offset + count <= dimension, "one value a parameter")
        velocity.write(momentum > 0 ? offset..<offset + count : 0..<0) {
            Descent(momentum: momentum, rate: learningRate).step(&parameters, velocity: &$0, sum: sum, scale: scale)
        }
    }

    /// The same for a sum of floats that nothing was added to.
    package func step(at offset: Int, parameters: inout MutableSpan<Float>, plainSum sum: Span<Float>, scale: Double) {
        let count = sum.count
        precondition(parameters.count == count && offset + count <= dimension, "one value a parameter")
        velocity.write(momentum > 0 ? offset..<offset + count : 0..<0) {
            let descent = Descent(momentum: momentum, rate: learningRate)
            descent.step(&parameters, velocity: &$0, plainSum: sum, scale: Float(scale))
        }
    }

    package var state: [Float] {
        momentum > 0 ? velocity.read { $0.elements } : [Float](repeating: 0, count: dimension)
    }

    package func restore(_ state: [Float]) throws(TrainingError) {
        guard state.count == dimension else {
            throw .lengthMismatch(what: "optimizer state", found: state.count, expected: dimension)
        }
        guard state.allSatisfy(\.isFinite) else {
            throw .invalidArgument(name: "optimizer state", value: "not finite", expected: "finite values")
        }
        guard momentum > 0 else { return }
        velocity.write { velocity in
            for index in velocity.indices { velocity[index] = state[index] }
        }
    }

    package static func plannedBytes(dimension: Int, momentum: Double) -> Int {
        momentum > 0 ? dimension * MemoryLayout<Float>.stride : 0
    }
}
