// SPDX-License-Identifier: Apache-2.0

/// A layer before its input is known: what a network is written in. Each operation's file adds its factories.
package struct Layer: Sendable {
    /// How an operation wants images to lie in memory.
    enum Order: Sendable {
        case any, rowMajor, channelsLast
    }

    indirect enum Form: Sendable {
        /// One operation for an input, or why there is none.
        case operation(Order, @Sendable (Shape) throws(OperationError) -> any Operation)
        /// Layers one after another.
        case sequence([Layer])
        /// y = shortcut(x) + layers(x); an empty shortcut is x itself.
        case residual([Layer], shortcut: [Layer])
    }

    /// The kind's name, for errors.
    let kind: String
    let form: Form
    /// The name of its parameters' prefix; nil for its index.
    var name: String?

    private init(kind: String, form: Form) {
        self.kind = kind
        self.form = form
    }

    /// A layer that is one operation.
    init(
        kind: String,
        order: Order = .any,
        _ build: @escaping @Sendable (Shape) throws(OperationError) -> any Operation
    ) {
        self.init(kind: kind, form: .operation(order, build))
    }

    /// Layers one after another, as one: PyTorch's nested `Sequential`.
    package static func sequence(_ layers: [Layer]) -> Layer {
        Layer(kind: "Sequential", form: .sequence(layers))
    }

    /// y = x + layers(x), or shortcut(x) + layers(x). Parameters of `layers` are named as in a nested `Sequential`, those
    /// of the shortcut with `shortcut.` before their index.
    package static func residual(_ layers: [Layer], shortcut: [Layer] = []) -> Layer {
        Layer(kind: "Residual", form: .residual(layers, shortcut: shortcut))
    }

    /// The same layer, with a name for the prefix of its parameters instead of its index; an empty name leaves the prefix
    /// of the layers that it is one of.
    package func named(_ name: String) -> Layer {
        var copy = self
        copy.name = name
        return copy
    }
}

/// Lets a network be written as a list of layers, with `if` and `for`.
@resultBuilder
package enum LayerBuilder {
    package static func buildExpression(_ layer: Layer) -> [Layer] { [layer] }
    package static func buildExpression(_ layers: [Layer]) -> [Layer] { layers }
    package static func buildBlock(_ parts: [Layer]...) -> [Layer] { parts.flatMap(\.self) }
    package static func buildArray(_ parts: [[Layer]]) -> [Layer] { parts.flatMap(\.self) }
    package static func buildOptional(_ part: [Layer]?) -> [Layer] { part ?? [] }
    package static func buildEither(first part: [Layer]) -> [Layer] { part }
    package static func buildEither(second part: [Layer]) -> [Layer] { part }
}

extension Layer {
    /// Layers one after another, written as a block.
    package static func sequence(@LayerBuilder _ layers: () -> [Layer]) -> Layer { sequence(layers()) }
    /// y = x + layers(x), written as a block.
    package static func residual(@LayerBuilder _ layers: () -> [Layer]) -> Layer { residual(layers()) }
}
