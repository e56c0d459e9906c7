// SPDX-License-Identifier: Apache-2.0

/// Labelled examples in compact form: one byte a feature and one a label, whatever the network's precision.
///
/// The room *Datasets* turns a specification (`digits`, `idx:DIR:1/4`) into two data sets, splits training sets over
/// clients, and draws the random subsets that the accountant charges for (``PoissonSampler``). Every file is checked
/// against its header and the limits of ``IDX`` before memory is taken. The room never reads the network or the clock,
/// never draws randomness of its own, and its errors name files, sizes and counts, never a feature or a label.
///
/// A subset shares the bytes of the set it was cut from and holds only its indices.
package struct Dataset: Sendable {
    /// What reports call it: the specification that it was loaded from, and which split.
    package let name: String
    /// One example's shape, channels first: `[1, 8, 8]` for the digits, `[1, 28, 28]` for MNIST.
    package let exampleShape: [Int]
    /// The number of classes, a public constant of the format and never counted from the labels.
    package let classes: Int
    /// Whether the examples are declared public: only then may diagnostics of them be shown without noise.
    package let isPublic: Bool
    /// The examples of this set.
    package let count: Int
    /// The features of one example, the product of ``exampleShape``.
    package let featureCount: Int

    private let features: [UInt8]
    private let labels: [UInt8]
    private let scale: FeatureScale
    /// Positions in the shared bytes; `nil` is all of them in order.
    private let indices: [Int32]?

    /// - Parameters:
    ///   - features: `labels.count` examples one after another, each of the product of `exampleShape` bytes.
    ///   - labels: each below `classes`.
    init(
        name: String,
        exampleShape: [Int],
        classes: Int,
        isPublic: Bool,
        features: [UInt8],
        labels: [UInt8],
        scale: FeatureScale
    ) {
        let featureCount = exampleShape.reduce(1, *)
        precondition(features.count == labels.count * featureCount, "as many features as the labels and the shape say")
        precondition(labels.count <= Int(Int32.max), "positions are 32-bit")
        self.init(
            name: name,
            exampleShape: exampleShape,
            classes: classes,
            isPublic: isPublic,
            count: labels.count,
            featureCount: featureCount,
            features: features,
            labels: labels,
            scale: scale,
            indices: nil
        )
    }

    private init(
        name: String,
        exampleShape: [Int],
        classes: Int,
        isPublic: Bool,
        count: Int,
        featureCount: Int,
        features: [UInt8],
        labels: [UInt8],
        scale: FeatureScale,
        indices: [Int32]?
    ) {
        self.name = name
        self.exampleShape = exampleShape
        self.classes = classes
        self.isPublic = isPublic
        self.count = count
        self.featureCount = featureCount
        self.features = features
        self.labels = labels
        self.scale = scale
        self.indices = indices
    }

    /// Writes one example's features.
    ///
    /// - Parameters:
    ///   - example: in `0..<count`.
    ///   - output: exactly ``featureCount`` elements, all overwritten.
    package func write(example: Int, into output: inout MutableSpan<Float>) {
        precondition(output.count == featureCount, "the output holds one example")
        let start = position(of: example) * featureCount
        let bytes = features.span.extracting(start..<(start + featureCount))
        for feature in output.indices {
            output[feature] = scale.value(of: bytes[feature])
        }
    }

    /// The class of one example, in `0..<classes`.
    package func label(_ example: Int) -> Int32 {
        Int32(labels[position(of: example)])
    }

    /// The examples at these positions, in this order; a position may occur more than once.
    ///
    /// - Parameters:
    ///   - indices: each in `0..<count`.
    ///   - name: the name of the subset; the set's own where it is `nil`.
    package func subset(_ indices: some Sequence<Int>, name: String? = nil) -> Dataset {
        let positions = indices.map { Int32(position(of: $0)) }
        return Dataset(
            name: name ?? self.name,
            exampleShape: exampleShape,
            classes: classes,
            isPublic: isPublic,
            count: positions.count,
            featureCount: featureCount,
            features: features,
            labels: labels,
            scale: scale,
            indices: positions
        )
    }

    /// The same examples, declared public by whoever answers for them.
    package func declaredPublic() -> Dataset {
        Dataset(
            name: name,
            exampleShape: exampleShape,
            classes: classes,
            isPublic: true,
            count: count,
            featureCount: featureCount,
            features: features,
            labels: labels,
            scale: scale,
            indices: indices
        )
    }

    /// One line without anything that depends on a feature or a label: `digits (train): 1438 examples 1x8x8 in 10
    /// classes, public`.
    package var contents: String {
        let shape = exampleShape.map(String.init).joined(separator: "x")
        return "\(name): \(count) examples \(shape) in \(classes) classes, \(isPublic ? "public" : "private")"
    }

    /// The bytes that this set keeps alive. A subset counts the bytes that it shares, so that the sets of one file must
    /// not be added up.
    package var plannedBytes: Int {
        features.count + labels.count + (indices?.count ?? 0) * MemoryLayout<Int32>.stride
    }

    private func position(of example: Int) -> Int {
        precondition(example >= 0 && example < count, "an example's position is in 0..<count")
        return indices.map { Int($0[example]) } ?? example
    }
}

extension Dataset: CustomStringConvertible, CustomReflectable {
    /// The same as ``contents``, so that no log and no failed expectation ever prints an example.
    package var description: String { contents }

    package var customMirror: Mirror { Mirror(self, children: ["contents": contents]) }
}

/// The affine map from a stored byte to a feature: `byte / divisor + offset`, rounded once for the quotient and once
/// for the sum. It divides, because a product with the rounded reciprocal differs from PyTorch's `ToTensor` in the last
/// bit.
struct FeatureScale: Hashable, Sendable {
    var divisor: Float
    var offset: Float = 0

    func value(of byte: UInt8) -> Float {
        Float(byte) / divisor + offset
    }
}
