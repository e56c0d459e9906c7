// SPDX-License-Identifier: Apache-2.0

/// The UCI optical digits shipped in the package: 1,797 public images of 8 x 8 with values 0...16, ten classes.
///
/// Features are pixel / 16, in [0, 1]. The split is public and fixed: every fifth example (index mod 5 = 4) is for
/// testing, the rest for training (1,438 and 359).
package enum Digits {
    static let classes = 10
    static let features = 64
    static let examples = 1797

    /// The bytes held by the two sets: the shared features and labels, and each set's positions.
    static let plannedBytes = examples * (features + 1) + examples * MemoryLayout<Int32>.stride

    /// Training and test set.
    package static func load() -> (train: Dataset, test: Dataset) {
        let whole = decoded()
        return (
            whole.subset((0..<examples).filter { $0 % 5 != 4 }, name: "digits (train)"),
            whole.subset((0..<examples).filter { $0 % 5 == 4 }, name: "digits (test)")
        )
    }

    /// All examples in the order of the published file.
    package static func decoded() -> Dataset {
        var pixels: [UInt8] = []
        var labels: [UInt8] = []
        pixels.reserveCapacity(examples * features)
        labels.reserveCapacity(examples)
        for line in digitsText.description.utf8.split(separator: UInt8(ascii: "\n")) {
            precondition(line.count == features + 1, "a line of the shipped digits has 64 pixels and a label")
            pixels.append(contentsOf: line.dropLast().lazy.map(Digits.digit))
            labels.append(contentsOf: line.suffix(1).lazy.map(Digits.digit))
        }
        precondition(labels.count == examples, "the shipped digits are complete")
        return Dataset(
            name: "digits",
            exampleShape: [1, 8, 8],
            classes: classes,
            isPublic: true,
            features: pixels,
            labels: labels,
            scale: FeatureScale(divisor: 16)
        )
    }

    /// The value of a digit of base 17.
    private static func digit(_ character: UInt8) -> UInt8 {
        character <= UInt8(ascii: "9") ? character - UInt8(ascii: "0") : character - UInt8(ascii: "a") + 10
    }
}
