// SPDX-License-Identifier: Apache-2.0

package import Networks
internal import TOML

/// Why there is no such model: one line that says what, where and what would be right.
package enum ModelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No preset has this name, or it does not fit the input.
    case preset(NetworkError)
    /// The file cannot be read, or what stands outside of its layers is wrong.
    case file(String, reason: String)
    /// A layer of the file is wrong. `layer` is its path, counted from 0 as in PyTorch, `3.shortcut.0`; `kind` is empty
    /// where the layer has none.
    case layer(String, layer: String, kind: String, reason: String)
    /// Every layer is right by itself, but they do not fit together.
    case network(String, NetworkError)

    package var description: String {
        switch self {
        case .preset(.unknownPreset(let name, let known)):
            "there is no preset \(Wording.quoted(name)); there are \(known.joined(separator: ", ")), "
                + "and a file of layers has a name that ends in .toml"
        case .preset(let error): error.description
        case .file(let file, let reason): "\(file): \(reason)"
        case .layer(let file, let layer, "", let reason): "\(file): layer \(layer): \(reason)"
        case .layer(let file, let layer, let kind, let reason): "\(file): layer \(layer) (\(kind)): \(reason)"
        case .network(let file, let error): "\(file): \(error)"
        }
    }
}
