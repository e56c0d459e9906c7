// SPDX-License-Identifier: Apache-2.0

/// Why an operation cannot be built for an input: said by the operation, placed by the network.
package struct OperationError: Error, Hashable, Sendable {
    /// What is wrong and what would be right.
    package let reason: String
}

/// Why a network cannot be built.
package enum NetworkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No preset has this name.
    case unknownPreset(String, known: [String])
    /// An operation does not fit what comes before it.
    case operation(index: Int, kind: String, input: Shape, reason: String)
    /// The network does not end in one logit per class.
    case output(Shape, classes: Int)
    /// The input has an extent below 1, or too many elements; or there are fewer than two classes.
    case size(input: [Int], classes: Int)

    package var description: String {
        switch self {
        case .unknownPreset(let name, let known):
            "there is no model '\(name)'; there are \(known.joined(separator: ", "))"
        case .operation(let index, let kind, let input, let reason):
            "operation \(index) (\(kind)) cannot take an input of shape \(input): \(reason)"
        case .output(let shape, let classes):
            "the network ends in shape \(shape); \(classes) classes need [\(classes)]"
        case .size(let input, let classes):
            "input \(input) with \(classes) classes; extents must be at least 1 and classes at least 2"
        }
    }
}
