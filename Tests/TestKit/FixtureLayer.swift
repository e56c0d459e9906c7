// SPDX-License-Identifier: Apache-2.0

/// A layer of a case of Tests/Fixtures/networks, by the names of its README.
package struct FixtureLayer: Decodable, Sendable {
    package let kind: String
    /// One number or, for a pooling's size, height and width.
    package let outputs: Extents?
    package let bias: Bool?
    /// Height and width.
    package let kernel, stride, padding, dilation: [Int]?
    package let groups: Int?
    package let isStandardised: Bool?
    package let epsilon: Double?
    package let vocabulary, width, paddingIndex: Int?
    package let axes, heads, hidden: Int?
    package let isCausal, countsPadding: Bool?
    package let layers: [FixtureLayer]?

    enum CodingKeys: String, CodingKey {
        case kind, outputs, bias, kernel, stride, padding, dilation, groups, epsilon, vocabulary, width, axes, heads
        case hidden, layers
        case isStandardised = "standardized"
        case paddingIndex = "padding-index"
        case isCausal = "causal"
        case countsPadding = "count-padding"
    }

    /// A number or a list of them.
    package struct Extents: Decodable, Sendable {
        package let values: [Int]

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(Int.self) {
                values = [value]
            } else {
                values = try container.decode([Int].self)
            }
        }
    }
}
