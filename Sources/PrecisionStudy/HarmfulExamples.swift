// SPDX-License-Identifier: Apache-2.0

internal import Datasets

/// Examples that are made to break arithmetic: not finite, huge, tiny, and at the ends of the formats that operands are
/// rounded to.
enum HarmfulExamples {
    /// The features of each.
    ///
    /// - Parameter data: an ordinary example of it is the stuff that some are made of.
    static func all(like data: Dataset) -> [[Float]] {
        var ordinary = [Float](repeating: 0, count: data.featureCount)
        var span = ordinary.mutableSpan
        data.write(example: data.count / 2, into: &span)
        let signs = ordinary.indices.map { $0.isMultiple(of: 2) ? Float(1) : -1 }
        func single(_ value: Float) -> [Float] {
            var values = ordinary
            values[values.count / 2] = value
            return values
        }
        func everywhere(_ value: Float) -> [Float] { signs.map { $0 * value } }
        let scaled = [1e30, -1e30, 1e4, 100, 0x1p-30, 0x1p-140].map { factor in ordinary.map { $0 * factor } }
        let singles = [Float.nan, .infinity, -.infinity, .greatestFiniteMagnitude, 1e30].map(single)
        let everywheres = [.nan, .infinity, 0, .greatestFiniteMagnitude].map(everywhere)
        // FP16's largest number, the least that rounds to its infinity, its least normal and subnormal numbers, and half
        // of that; then BF16's largest and the least that rounds to its infinity, and the least normal and subnormal of a
        // Float, which the other formats share or round to 0.
        let ends: [Float] = [
            65504, 65520, 0x1p-14, 0x1p-15, 0x1p-24, 0x1p-25, 0x1.FEp127, 0x1.FFp127, .leastNormalMagnitude,
            0x1p-133, .leastNonzeroMagnitude,
        ]
        return scaled + singles + everywheres + ends.map(everywhere)
    }
}
