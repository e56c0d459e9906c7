// SPDX-License-Identifier: Apache-2.0

import Kernels

/// The tiles in which one example's gradient goes back through a pooling and the activation before it, and perhaps through
/// a convolution after it first. A class so that nothing is copied in loops.
final class TileChain {
    /// What comes first, where the chain begins with a convolution.
    let convolution: Tile?
    let pooling, activation: Tile

    /// - Parameters:
    ///   - tile: the pooling's, of many examples; its output's gradient is that of the convolution's output, where there
    ///     is a convolution.
    ///   - example: the row.
    ///   - passing: where in the scratch gradients are on their way, ``passingCount(_:_:)`` floats.
    ///   - convolutionOffset: where the convolution's parameters begin.
    ///   - sharesScratch: whether pooling and activation leave the convolution's scratch alone.
    init(_ tile: Tile, example: Int, passing: Int, convolutionOffset: Int?, sharesScratch: Bool) {
        func place(_ offset: Int, like value: TileValue) -> TileValue {
            TileValue(buffer: tile.scratch, offset: offset, count: value.count, capacity: 1)
        }
        let unpooled = place(passing, like: tile.input)
        let pooling = tile.copy()
        pooling.inputs = [tile.input.single(example)]
        pooling.output = tile.output.single(example)
        pooling.state = tile.state.single(example)
        pooling.outputGradient = tile.outputGradient?.single(example)
        pooling.inputGradients = [unpooled]
        pooling.isGradientInPlace = false
        pooling.examples = 1
        let activation = pooling.copy()
        activation.output = pooling.input
        activation.outputGradient = unpooled
        activation.isGradientInPlace = true
        self.activation = activation
        if let convolutionOffset {
            let pooled = place(passing + tile.input.count, like: tile.output)
            let convolution = pooling.copy()
            convolution.inputs = [pooling.output]
            convolution.inputGradients = [pooled]
            convolution.parameterOffset = convolutionOffset
            convolution.reusesPreparation = sharesScratch && example > 0
            self.convolution = convolution
            pooling.outputGradient = pooled
        } else {
            convolution = nil
        }
        self.pooling = pooling
    }

    /// Floats of one example's gradients on their way.
    static func passingCount(_ node: Int, _ network: Network) -> Int {
        guard let pooling = network.pooling(ofChain: node) else { return 0 }
        let operation = network.nodes[pooling].operation
        return operation.input.count + (pooling == node ? 0 : operation.output.count)
    }
}

extension TileValue {
    /// One example's value, as that of a tile of one.
    func single(_ example: Int) -> TileValue {
        TileValue(buffer: buffer, offset: range(example).lowerBound, count: count, capacity: 1)
    }
}
