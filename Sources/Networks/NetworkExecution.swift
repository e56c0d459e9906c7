// SPDX-License-Identifier: Apache-2.0

package import Kernels

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// One worker's workspace: activations and gradients of a tile of at most `Network.tileRows` examples.
///
/// Used in the order `load`, `forward`, then `score` or `backward`, then `gradient` for each example. Rows without an
/// example are zero, so that every product has the same shape; an example's bits do not depend on its row, on the other
/// rows, or on how many there are.
package final class NetworkExecution {
    /// The network.
    package let network: Network
    /// Examples in the tile, 0...`Network.tileRows`.
    package private(set) var examples = 0
    private var tiles: [Tile]
    private let logits, logitGradients: RowBuffer

    /// Allocates `plannedBytes(network)` bytes, zeroed.
    package init(_ network: Network) {
        self.network = network
        let scratch = Buffer<Float>(count: network.scratchCount)
        var values = RowBuffer(count: network.input.count)
        var gradients = RowBuffer(count: network.needsGradient(before: 0) ? network.input.count : 0)
        tiles = []
        for (index, operation) in network.operations.enumerated() {
            let needed = network.needsGradient(before: index + 1)
            let nextValues = operation.isView ? values : RowBuffer(count: operation.output.count)
            let nextGradients = operation.isView ? gradients : RowBuffer(count: needed ? operation.output.count : 0)
            tiles.append(
                Tile(
                    input: values,
                    output: nextValues,
                    inputGradient: gradients,
                    outputGradient: nextGradients,
                    scratch: scratch,
                    parameterOffset: network.parameterOffsets[index],
                    examples: 0
                )
            )
            (values, gradients) = (nextValues, nextGradients)
        }
        (logits, logitGradients) = (values, gradients)
    }

    /// The bytes that one workspace allocates.
    package static func plannedBytes(_ network: Network) -> Int {
        var floats = RowBuffer.stride(network.input.count)
        for (index, operation) in network.operations.enumerated() where !operation.isView {
            let stride = RowBuffer.stride(operation.output.count)
            floats += network.needsGradient(before: index + 1) ? 2 * stride : stride
        }
        return (floats * Network.tileRows + network.scratchCount) * MemoryLayout<Float>.stride
    }

    /// Fills the tile: `fill(i, row)` writes all of example i's input.
    ///
    /// - Parameter examples: 0...`Network.tileRows`.
    package func load(examples: Int, _ fill: (Int, inout MutableSpan<Float>) -> Void) {
        precondition(examples >= 0 && examples <= Network.tileRows, "a tile holds up to \(Network.tileRows) examples")
        self.examples = examples
        for index in tiles.indices {
            tiles[index].examples = examples
        }
        let input = tiles[0].input
        for example in 0..<examples {
            input.buffer.write(input.range(example)) { fill(example, &$0) }
        }
        clear(input, from: examples)
    }

    /// Computes the logits of every example.
    package func forward(parameters: Buffer<Float>) {
        precondition(parameters.count == network.parameterCount, "the parameters belong to another network")
        for (operation, tile) in zip(network.operations, tiles) {
            operation.forward(tile, parameters: parameters)
            clear(tile.output, from: examples)
        }
    }

    /// The logits of one example, after `forward`.
    package func logits(example: Int) -> [Float] {
        precondition(example >= 0 && example < examples, "no such example in the tile")
        return logits.buffer.read(logits.range(example)) { row in row.indices.map { row[$0] } }
    }

    /// The sum of the examples' cross-entropies in nats, and how many are classified right, after `forward`.
    ///
    /// An example with a NaN among its logits is wrong and its loss is infinite; so the sum is never NaN. Of equal
    /// greatest logits the first decides.
    ///
    /// - Parameter labels: one per example, below `classes`.
    package func score(labels: [Int32]) -> (loss: Double, correct: Int) {
        check(labels)
        var loss = 0.0
        var correct = 0
        for (example, label) in labels.enumerated() {
            logits.buffer.read(logits.range(example)) { row in
                let (exampleLoss, isRight) = Self.crossEntropy(row, label: Int(label))
                loss += exampleLoss
                correct += isRight ? 1 : 0
            }
        }
        return (loss, correct)
    }

    /// Computes the gradient of every example's own cross-entropy (not averaged) by everything that `gradient` needs.
    ///
    /// - Parameter labels: one per example, below `classes`.
    package func backward(labels: [Int32], parameters: Buffer<Float>) {
        precondition(parameters.count == network.parameterCount, "the parameters belong to another network")
        check(labels)
        for (example, label) in labels.enumerated() {
            logits.buffer.read(logits.range(example)) { row in
                logitGradients.buffer.write(logitGradients.range(example)) { gradient in
                    Elementwise.crossEntropyBackward(logits: row, label: Int(label), into: &gradient)
                }
            }
        }
        clear(logitGradients, from: examples)
        for index in network.operations.indices.reversed() where network.needsGradient(before: index) {
            network.operations[index].backward(tiles[index], parameters: parameters)
            clear(tiles[index].inputGradient, from: examples)
        }
    }

    /// Writes the gradient of one example's loss by every parameter, after `backward`.
    ///
    /// - Parameter gradient: `parameterCount` floats, in the order of the layout; all are overwritten.
    package func gradient(example: Int, into gradient: Buffer<Float>) {
        precondition(example >= 0 && example < examples, "no such example in the tile")
        precondition(gradient.count == network.parameterCount, "the gradient belongs to another network")
        for (operation, tile) in zip(network.operations, tiles) {
            operation.gradient(example: example, tile, into: gradient)
        }
    }

    private func check(_ labels: [Int32]) {
        precondition(labels.count == examples, "one label an example")
        for label in labels {
            precondition(label >= 0 && label < network.classes, "a label is not below \(network.classes)")
        }
    }

    private func clear(_ rows: RowBuffer, from example: Int) {
        rows.buffer.write(example * rows.stride..<rows.buffer.count) { Elementwise.clear(&$0) }
    }

    private static func crossEntropy(_ logits: Span<Float>, label: Int) -> (loss: Double, isRight: Bool) {
        var best = 0
        for index in logits.indices {
            guard !logits[index].isNaN else { return (.infinity, false) }
            if logits[index] > logits[best] { best = index }
        }
        let greatest = Double(logits[best])
        guard greatest.isFinite else { return (.infinity, false) }
        var sum = 0.0
        for index in logits.indices {
            sum += exp(Double(logits[index]) - greatest)
        }
        return (log(sum) + greatest - Double(logits[label]), best == label)
    }
}

extension Network {
    /// Floats of scratch that a worker needs.
    var scratchCount: Int {
        operations.map(\.scratchCount).max() ?? 0
    }

    /// Whether the gradient by the input of operation `index` is needed: only where a parameter comes before it.
    func needsGradient(before index: Int) -> Bool {
        operations.prefix(index).contains { !$0.parameters.isEmpty }
    }
}
