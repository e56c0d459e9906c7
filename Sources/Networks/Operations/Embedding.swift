// SPDX-License-Identifier: Apache-2.0

package import Kernels

/// The row of a table for every token: PyTorch's `Embedding`, weight [vocabulary, width].
///
/// Tokens are floats, [places]. One that is not whole or not below the vocabulary gives a row of NaN, which clipping
/// turns into a zero contribution of the example. An example's gradient has a piece for every distinct token, the sum of the
/// errors at its places.
package struct Embedding: Operation {
    package let kind = "Embedding"
    package let inputs: [Shape]
    package let output: Shape
    package let parameters: [OperationParameter]
    private let rows: Int
    private let padding: Int?

    /// - Parameters:
    ///   - input: [places].
    ///   - vocabulary: 1...2^24, the whole numbers that a float holds.
    ///   - width: at least 1.
    ///   - padding: a token whose row starts as zero and gets no gradient.
    package init(input: Shape, vocabulary: Int, width: Int, padding: Int? = nil) throws(OperationError) {
        guard input.dimensions.count == 1, input.count < 1 << 24 else {
            throw OperationError(reason: "it needs [places] with a token each")
        }
        guard vocabulary >= 1, vocabulary <= 1 << 24 else {
            throw OperationError(reason: "a vocabulary of \(vocabulary) tokens; there must be 1...\(1 << 24)")
        }
        guard Shape.isPossible([vocabulary, width]), Shape.isPossible([input.count, width]) else {
            throw OperationError(
                reason: "rows of \(width); there must be at least one, and a weight and output below 2^31"
            )
        }
        if let padding, padding < 0 || padding >= vocabulary {
            throw OperationError(reason: "padding token \(padding) is not in 0..<\(vocabulary)")
        }
        rows = vocabulary
        self.padding = padding
        inputs = [input]
        output = Shape([input.count, width])
        parameters = [
            OperationParameter(
                role: "weight",
                shape: Shape([vocabulary, width]),
                start: .normal(deviation: 1),
                zeros: padding.map { $0 * width..<($0 + 1) * width } ?? 0..<0
            )
        ]
    }

    package var vocabulary: Int? { rows }
    private var places: Int { input.count }
    private var width: Int { output.features }
    private var slotCount: Int { TokenRows.slotCount(places: places) }

    package var gradientNeeds: Needs { .input }

    /// Links, slots, and the sum of one token's errors.
    package func scratchCount(capacity: Int, arithmetic: ProductArithmetic) -> Int { places + slotCount + width }

    package func forward(_ tile: Tile, parameters: Buffer<Float>) {
        let tokens = 0..<tile.examples
        parameters.read(tile.parameterOffset..<tile.parameterOffset + rows * width) { table in
            tile.input.buffer.read(tile.input.range(tokens)) { tokens in
                tile.output.buffer.write(tile.output.range(0..<tile.examples)) {
                    TokenRows.take(tokens, of: table, width: width, into: &$0)
                }
            }
        }
    }

    /// A token's gradient is zero: the output is constant between tokens.
    package func backward(_ tile: Tile, parameters: Buffer<Float>) {
        tile.inputGradient.buffer.write(tile.inputGradient.range(0..<tile.examples)) { Elementwise.clear(&$0) }
    }

    package var hasDirectGradient: Bool { true }

    package func visitDirectGradient(
        example: Int,
        _ tile: Tile,
        parameters: Buffer<Float>,
        _ visit: (Int, Span<Float>) -> Void
    ) {
        let scratch = tile.scratch
        let links = tile.scratchOffset..<tile.scratchOffset + places
        let slots = links.upperBound..<links.upperBound + slotCount
        let sums = slots.upperBound..<slots.upperBound + width
        tile.input.buffer.read(tile.input.range(example)) { tokens in
            scratch.write(links) { links in
                scratch.write(slots) { slots in
                    TokenRows.link(tokens, vocabulary: rows, ignored: padding, into: &links, slots: &slots)
                }
            }
            scratch.read(links) { links in
                tile.given.buffer.read(tile.given.range(example)) { errors in
                    for place in 0..<places where links[place] > 0 {
                        let offset = tile.parameterOffset + Int(tokens[place]) * width
                        if Int(links[place]) == places {
                            visit(offset, errors.extracting(place * width..<(place + 1) * width))
                            continue
                        }
                        scratch.write(sums) { TokenRows.sum(errors, links: links, from: place, into: &$0) }
                        scratch.read(sums) { visit(offset, $0) }
                    }
                }
            }
        }
    }
}

extension Layer {
    /// A row of `width` floats for every token of [places].
    ///
    /// - Parameter padding: a token whose row starts as zero and is not trained, PyTorch's `padding_idx`.
    package static func embedding(_ vocabulary: Int, _ width: Int, padding: Int? = nil) -> Layer {
        Layer(kind: "Embedding") { input throws(OperationError) in
            try Embedding(input: input, vocabulary: vocabulary, width: width, padding: padding)
        }
    }
}
