// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The mean of an example's places: [places, width] to [width].
package struct MeanOverPlaces: Operation {
    package let kind = "MeanOverPlaces"
    package let inputs: [Shape]
    package let output: Shape

    package init(input: Shape) throws(OperationError) {
        try input.checkPlaces()
        inputs = [input]
        output = Shape([input.features])
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        let places = input.places
        for example in 0..<tile.examples {
            tile.input.buffer.read(tile.input.range(example)) { x in
                tile.output.buffer.write(tile.output.range(example)) { mean in
                    Reductions.columnSums(x, rows: places, columns: mean.count, into: &mean)
                    Elementwise.scale(&mean, by: 1 / Float(places))
                }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        let (places, width) = (input.places, input.features)
        for example in 0..<tile.examples {
            let result = tile.inputGradient.range(example)
            tile.given.buffer.read(tile.given.range(example)) { given in
                for place in 0..<places {
                    let start = result.lowerBound + place * width
                    tile.inputGradient.buffer.write(start..<start + width) { Elementwise.copy(given, into: &$0) }
                }
            }
            tile.inputGradient.buffer.write(result) { Elementwise.scale(&$0, by: 1 / Float(places)) }
        }
    }
}

/// An example's last place: [places, width] to [width].
package struct LastPlace: Operation {
    package let kind = "LastPlace"
    package let inputs: [Shape]
    package let output: Shape

    package init(input: Shape) throws(OperationError) {
        try input.checkPlaces()
        inputs = [input]
        output = Shape([input.features])
    }

    /// The last place of one example of a value of the input's shape.
    private func last(_ value: TileValue, _ example: Int) -> Range<Int> {
        let range = value.range(example)
        return range.upperBound - output.count..<range.upperBound
    }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        for example in 0..<tile.examples {
            tile.input.buffer.read(last(tile.input, example)) { x in
                tile.output.buffer.write(tile.output.range(example)) { Elementwise.copy(x, into: &$0) }
            }
        }
    }

    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        let result = tile.inputGradient
        result.buffer.write(result.range(0..<tile.examples)) { Elementwise.clear(&$0) }
        for example in 0..<tile.examples {
            tile.given.buffer.read(tile.given.range(example)) { given in
                result.buffer.write(last(result, example)) { Elementwise.copy(given, into: &$0) }
            }
        }
    }
}

extension Shape {
    /// Throws unless it is [places, width].
    func checkPlaces() throws(OperationError) {
        guard dimensions.count == 2 else { throw OperationError(reason: "it needs [places, width]") }
    }
}

extension Layer {
    /// The mean over the places of [places, width].
    package static let meanOverPlaces = Layer(kind: "MeanOverPlaces") { input throws(OperationError) in
        try MeanOverPlaces(input: input)
    }

    /// The last place of [places, width].
    package static let lastPlace = Layer(kind: "LastPlace") { input throws(OperationError) in
        try LastPlace(input: input)
    }
}
