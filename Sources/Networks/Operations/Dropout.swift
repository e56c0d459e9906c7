// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// Inverted dropout in training, nothing in evaluation: PyTorch's `Dropout`, with a public mask.
///
/// The mask is a function of the example's seed, the operation's place in the network and the element's index, so the
/// backward pass makes it again, and an example is treated alike wherever it lies in a tile.
package struct Dropout: Operation {
    package let kind = "Dropout"
    package let inputs: [Shape]
    package var output: Shape { input }
    private let mask: DropoutMask
    /// The probability of zero.
    package let rate: Double

    init(input: Shape, rate: Double) throws(OperationError) {
        guard rate >= 0, rate < 1 else { throw OperationError(reason: "a rate of \(rate); it must be in 0..<1") }
        inputs = [input]
        self.rate = rate
        mask = DropoutMask(rate: rate)
    }

    package var isView: Bool { rate == 0 }
    package var worksInPlace: Bool { true }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.copyInput()
        if tile.isTraining { apply(to: tile.output, tile) }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.copyGradient()
        apply(to: tile.inputGradient, tile)
    }

    private func apply(to value: TileValue, _ tile: Tile) {
        for example in 0..<tile.examples {
            let seed = tile.seeds.read { $0[example] }
            value.buffer.write(value.range(example)) { mask.apply(&$0, seed: seed, stream: UInt64(tile.node)) }
        }
    }
}

extension Layer {
    /// Dropout with probability `rate`, in 0..<1.
    package static func dropout(_ rate: Double) -> Layer {
        Layer(kind: "Dropout") { input throws(OperationError) in try Dropout(input: input, rate: rate) }
    }
}
