// SPDX-License-Identifier: Apache-2.0

/// Labelled examples that can be read one at a time, from several threads.
package protocol ExampleSource: Sendable {
    /// The number of examples.
    var count: Int { get }
    /// Writes one example's features over all of `output`.
    func write(example: Int, into output: inout MutableSpan<Float>)
    /// Appends the labels of one example: one, or one a token with -1 where it has none.
    func appendLabels(of example: Int, to labels: inout [Int32])
}

extension Dataset: ExampleSource {
    package func appendLabels(of example: Int, to labels: inout [Int32]) {
        labels.append(label(example))
    }
}

/// Examples in memory as floats.
package struct FloatExamples: ExampleSource {
    package let count: Int
    private let features: [Float]
    private let labels: [Int32]
    private let featureCount: Int
    private let labelsPerExample: Int

    /// - Parameters:
    ///   - features: `featureCount` for each example, one after another.
    ///   - labels: `labelsPerExample` for each.
    package init(features: [Float], featureCount: Int, labels: [Int32], labelsPerExample: Int = 1) {
        precondition(featureCount > 0 && labelsPerExample > 0 && features.count % featureCount == 0, "whole examples")
        count = features.count / featureCount
        precondition(labels.count == count * labelsPerExample, "the labels of every example")
        self.features = features
        self.labels = labels
        self.featureCount = featureCount
        self.labelsPerExample = labelsPerExample
    }

    package func write(example: Int, into output: inout MutableSpan<Float>) {
        precondition(output.count == featureCount, "the output holds one example")
        let values = features.span.extracting(example * featureCount..<(example + 1) * featureCount)
        // A loop over elements waits for examples that are far apart in memory.
        unsafe values.withUnsafeBufferPointer { values in
            unsafe output.withUnsafeMutableBufferPointer { _ = unsafe $0.update(fromContentsOf: values) }
        }
    }

    package func appendLabels(of example: Int, to labels: inout [Int32]) {
        for index in 0..<labelsPerExample { labels.append(self.labels[example * labelsPerExample + index]) }
    }
}
