// SPDX-License-Identifier: Apache-2.0

import Glibc
import Kernels
import TestKit
import Testing

/// The closed forms in Double.
private struct Truth {
    let value: Double
    /// The derivative.
    let slope: Double
    /// The sum of the magnitudes of the derivative's terms: what its rounding errors are relative to.
    let slopeSize: Double

    static func of(_ activation: Activation, at x: Double) -> Truth {
        switch activation {
        case .relu:
            return Truth(value: max(x, 0), slope: x > 0 ? 1 : 0, slopeSize: 1)
        case .tanh:
            let y = tanh(x)
            return Truth(value: y, slope: 1 - y * y, slopeSize: 1)
        case .sigmoid:
            let y = 1 / (1 + exp(-x))
            return Truth(value: y, slope: y / (1 + exp(x)), slopeSize: y)
        case .gelu:
            let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            return gated(x, by: erfc(-x / 2.0.squareRoot()) / 2, density: density)
        case .geluTanh:
            let scale = (8 / Double.pi).squareRoot()
            let logit = scale * (x + 0.044715 * x * x * x)
            let gate = 1 / (1 + exp(-logit))
            return gated(x, by: gate, density: gate / (1 + exp(logit)) * scale * (1 + 3 * 0.044715 * x * x))
        case .silu:
            let gate = 1 / (1 + exp(-x))
            return gated(x, by: gate, density: gate / (1 + exp(x)))
        }
    }

    private static func gated(_ x: Double, by gate: Double, density: Double) -> Truth {
        Truth(value: x * gate, slope: gate + x * density, slopeSize: gate + abs(x) * density)
    }
}

@Suite struct ActivationTests {
    private static func applied(_ activation: Activation, _ x: [Float]) -> [Float] {
        var y = x
        var span = y.mutableSpan
        activation.apply(&span)
        return y
    }

    /// The derivative at `x`, by a gradient of ones.
    private static func slopes(_ activation: Activation, _ x: [Float]) -> [Float] {
        let kept = activation.needsInput ? x : applied(activation, x)
        var gradient = [Float](repeating: 1, count: x.count)
        var span = gradient.mutableSpan
        activation.applyBackward(kept: kept.span, gradient: &span)
        return gradient
    }

    /// Evenly on -16...16, and magnitudes of all sizes on both sides.
    private static let sweep: [Float] = {
        let even = (-160_000...160_000).map { Float($0) * 1e-4 }
        let sizes = (0...20_000).map { Float(exp2(-40 + Double($0) * 0.0024)) }
        return even + sizes + sizes.map { -$0 }
    }()

    /// Units of the last place that the result may be off.
    private static let ulps: [Activation: Double] = [
        .relu: 0, .tanh: 2, .sigmoid: 4, .gelu: 6, .geluTanh: 6, .silu: 6,
    ]

    /// Where the result goes over to zero.
    private static func leftEnd(_ activation: Activation) -> Float {
        switch activation {
        case .relu, .tanh: -.infinity
        case .sigmoid, .silu: -87
        case .gelu: -13.19
        case .geluTanh: -9.98
        }
    }

    @Test(arguments: Activation.allCases)
    func value(activation: Activation) throws {
        let allowed = try #require(Self.ulps[activation])
        var worst = (ulps: 0.0, x: Float(0))
        for (x, y) in zip(Self.sweep, Self.applied(activation, Self.sweep)) {
            let truth = Truth.of(activation, at: Double(x)).value
            guard x >= Self.leftEnd(activation), abs(truth) >= 0x1p-122 else {
                #expect(abs(Double(y) - truth) < 1e-35, "at \(x)")
                continue
            }
            let off = abs(Double(y) - truth) / Double(Float(truth).ulp)
            if off > worst.ulps { worst = (off, x) }
        }
        #expect(worst.ulps <= allowed, "at \(worst.x)")
    }

    @Test(arguments: Activation.allCases)
    func derivative(activation: Activation) {
        var worst = (error: 0.0, x: Float(0))
        for (x, slope) in zip(Self.sweep, Self.slopes(activation, Self.sweep)) {
            let truth = Truth.of(activation, at: Double(x))
            guard x >= Self.leftEnd(activation), truth.slopeSize >= 0x1p-122 else {
                #expect(abs(Double(slope) - truth.slope) < 1e-35, "at \(x)")
                continue
            }
            let off = abs(Double(slope) - truth.slope) / truth.slopeSize
            if off > worst.error { worst = (off, x) }
        }
        #expect(worst.error <= 8 * 0x1p-24, "at \(worst.x)")
    }

    @Test(arguments: Activation.allCases)
    func atTheEnds(activation: Activation) {
        let y = Self.applied(activation, [.infinity, -.infinity, .nan, 1e30, -1e30, .greatestFiniteMagnitude])
        let isBounded = activation == .tanh || activation == .sigmoid
        #expect(y[0] == (isBounded ? 1 : .infinity) && y[3] == (isBounded ? 1 : 1e30))
        #expect(y[1] == (activation == .tanh ? -1 : 0) && y[4] == y[1])
        #expect(y[2].isNaN && y[5] == (isBounded ? 1 : .greatestFiniteMagnitude))
        let slopes = Self.slopes(activation, [.infinity, -.infinity, .nan, 1e30, -1e30])
        #expect(slopes[0] == (isBounded ? 0 : 1) && slopes[3] == slopes[0])
        #expect(slopes[1] == 0 && slopes[4] == 0)
        #expect(slopes[2].isNaN || activation == .relu)
    }

    @Test(arguments: Activation.allCases)
    func aroundZero(activation: Activation) {
        let y = Self.applied(activation, [0, -0.0])
        let atZero: Float = activation == .sigmoid ? 0.5 : 0
        #expect(y == [atZero, atZero])
        let slope: Float =
            switch activation {
            case .relu: 0
            case .tanh: 1
            case .sigmoid: 0.25
            case .gelu, .geluTanh, .silu: 0.5
            }
        #expect(Self.slopes(activation, [0, -0.0]).allSatisfy { abs($0 - slope) <= 0x1p-23 })
    }

    /// A NaN gradient stays one, but where ReLU is shut it is dropped.
    @Test(arguments: Activation.allCases)
    func gradientIsMultiplied(activation: Activation) {
        let x: [Float] = [0.5, -0.25, 0.75, 0.1]
        let kept = activation.needsInput ? x : Self.applied(activation, x)
        var gradient: [Float] = [2, -3, .nan, .infinity]
        var span = gradient.mutableSpan
        activation.applyBackward(kept: kept.span, gradient: &span)
        let slopes = Self.slopes(activation, x)
        #expect(gradient[0] == 2 * slopes[0] && gradient[1] == -3 * slopes[1])
        #expect(gradient[2].isNaN && gradient[3] == .infinity)
        var shut: [Float] = [.nan]
        var shutSpan = shut.mutableSpan
        Activation.relu.applyBackward(kept: [0].span, gradient: &shutSpan)
        #expect(shut == [0])
    }
}
