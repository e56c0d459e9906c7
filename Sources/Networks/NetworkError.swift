// SPDX-License-Identifier: Apache-2.0

/// Why a network cannot be built.
package enum NetworkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No preset has this name.
    case unknownPreset(String, known: [String])
    /// An operation does not fit what comes before it; `path` is the layer's place, `3.0`.
    case operation(path: String, kind: String, input: Shape, reason: String)
    /// The network does not end in one logit per class.
    case output(Shape, classes: Int)
    /// The input has an extent below 1, or too many elements; or there are fewer than two classes.
    case size(input: [Int], classes: Int)
    /// A model file says something that is not a layer; `path` is the layer's place.
    case layer(path: String, reason: String)

    package var description: String {
        switch self {
        case .unknownPreset(let name, let known):
            "there is no model '\(name)'; there are \(known.joined(separator: ", "))"
        case .operation(let path, let kind, let input, let reason):
            "layer \(path) (\(kind)) cannot take an input of shape \(input): \(reason)"
        case .output(let shape, let classes):
            "the network ends in shape \(shape); \(classes) classes need [\(classes)], or [tokens, \(classes)]"
        case .size(let input, let classes):
            "input \(input) with \(classes) classes; extents must be at least 1 and classes at least 2"
        case .layer(let path, let reason):
            "layer \(path): \(reason)"
        }
    }
}
