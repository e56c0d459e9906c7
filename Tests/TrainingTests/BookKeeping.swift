// SPDX-License-Identifier: Apache-2.0

import Randomness
import Training

/// Sums by leaves as the proof describes them and in the worst ways it allows: every float sum in an order of its own.
struct BookKeeping {
    /// Errors and inputs of one example in one layer, [places][outputs] and [places][inputs].
    struct Operands {
        var errors: [[Float]]
        var inputs: [[Float]]
    }

    struct Example {
        var key: UInt64
        var exact: [Float]
        var layers: [Operands]
    }

    let certificate: LeafCertificate
    let factor: ClipFactor
    private let perUnit: Float

    init(exactCoordinates: Int, layers: [LeafLayer], capacities: [Int], clip: Double, gridExponent: Int) {
        certificate = LeafCertificate(
            exactCoordinates: exactCoordinates,
            layers: layers,
            capacities: capacities,
            gridExponent: gridExponent
        )
        factor = ClipFactor(clip: clip, massCaps: layers.map(\.massCap), gridExponent: gridExponent)
        perUnit = Float(sign: .plus, exponent: gridExponent, significand: 1)
    }

    /// c of an example, its norms by Gram matrices in Float.
    func clipFactor(of example: Example) -> Float {
        var squaredNorm = example.exact.reduce(0.0) { $0 + Double($1) * Double($1) }
        var masses: [Double] = []
        for (operands, layer) in zip(example.layers, certificate.layers) {
            let errors = operands.errors.map(Self.norm)
            let inputs = operands.inputs.map(Self.norm)
            masses.append(
                zip(errors, inputs).reduce(0) { $0 + ($1.0 + 0x1p-48) * ($1.1 + 0x1p-48) }
            )
            var square = 0.0
            if layer.places == 1 {
                square = errors[0] * errors[0] * inputs[0] * inputs[0]
            } else {
                for t in 0..<layer.places {
                    for s in 0..<layer.places {
                        square +=
                            Self.inner(operands.errors[t], operands.errors[s], layer.gramTerms)
                            * Self.inner(operands.inputs[t], operands.inputs[s], layer.gramTerms)
                    }
                }
            }
            squaredNorm += square.isNaN ? .nan : max(0, square)
        }
        return factor.factor(squaredNorm: squaredNorm, masses: masses.span)
    }

    /// The integer sum over `examples`, whose order of adding is drawn from `seed` within every leaf's own sum.
    func sum(_ examples: [Example]) -> [Int64] {
        let factors = examples.map(clipFactor)
        var total = [Int64](repeating: 0, count: certificate.exactCoordinates)
        for (example, c) in zip(examples, factors) where c > 0 {
            for (index, x) in example.exact.enumerated() {
                total[index] += Int64((x * factor.scale(c)).rounded(.toNearestOrEven))
            }
        }
        var partition = LeafPartition(capacities: certificate.capacities + [64], rows: 64, reserving: examples.count)
        let indices = Array(examples.indices)
        let keys = examples.map(\.key)
        partition.split(indices.span, keys: keys.span)
        for (number, layer) in certificate.layers.enumerated() {
            var sum = [Int64](repeating: 0, count: layer.coordinates)
            for leaf in partition.leaves(capacity: certificate.capacities[number]) {
                var errors: [[Float]] = []
                var inputs: [[Float]] = []
                for member in partition.order[leaf] where factors[member] > 0 {
                    let operands = examples[member].layers[number]
                    errors += operands.errors.map { $0.map { $0 * factors[member] } }
                    inputs += operands.inputs
                }
                for (index, value) in Self.products(errors, inputs, layer).enumerated() {
                    sum[index] += Int64((value * perUnit).rounded(.toNearestOrEven))
                }
            }
            total += sum
        }
        return total
    }

    /// Σ e ⊗ a in Float, in parts of ``LeafLayer/productTerms``; the order within a part depends on the leaf's size.
    private static func products(_ errors: [[Float]], _ inputs: [[Float]], _ layer: LeafLayer) -> [Float] {
        var sum = [Float](repeating: 0, count: layer.coordinates)
        var start = 0
        while start < errors.count {
            let end = min(errors.count, start + min(layer.productTerms, errors.count))
            var stream = InsecureTestStream(seed: UInt64(errors.count))
            let order = (start..<end).map { ($0, stream.next()) }.sorted { $0.1 < $1.1 }.map(\.0)
            for p in 0..<layer.outputs {
                for d in 0..<layer.inputs {
                    var part: Float = 0
                    for row in order { part += errors[row][p] * inputs[row][d] }
                    sum[p * layer.inputs + d] += part
                }
            }
            start = end
        }
        return sum
    }

    private static func inner(_ x: [Float], _ y: [Float], _ terms: Int) -> Double {
        stride(from: 0, to: x.count, by: terms).reduce(0.0) { sum, start in
            var part: Float = 0
            for index in start..<min(x.count, start + terms) { part += x[index] * y[index] }
            return sum + Double(part)
        }
    }

    private static func norm(_ x: [Float]) -> Double {
        x.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
}
