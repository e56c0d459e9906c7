// SPDX-License-Identifier: Apache-2.0

package import Kernels
internal import Randomness

/// A classifier as a static graph of operations over one flat parameter vector.
///
/// The room *Networks* knows shapes, parameters and the gradients of single examples. Whatever can be built has an exact
/// per-example gradient that depends on nothing but the example and the parameters; whatever cannot is refused when
/// the network is built, with the operation's path, kind and reason. It knows nothing of clipping, noise, data or files.
package struct Network: Sendable {
    /// An operation and the values that it connects.
    ///
    /// A class, since steps look at nodes for every example and a reference is all that should be copied then.
    package final class Node: Sendable {
        package let operation: any Operation
        /// The operation's weights whose gradients are products, in order.
        package let products: [WeightProduct]
        /// Values by number; value 0 is the network's input and node i makes value i + 1.
        package let inputs: [Int]
        /// Where the operation's parameters begin in the flat vector.
        package let parameterOffset: Int
        /// The layer's path: `3.0`, or the names that were given.
        package let path: String

        init(operation: any Operation, inputs: [Int], parameterOffset: Int, path: String) {
            self.operation = operation
            products = operation.products
            self.inputs = inputs
            self.parameterOffset = parameterOffset
            self.path = path
        }
    }

    /// The preset's name, or the maker's.
    package let name: String
    /// Shape of one example.
    package let input: Shape
    /// The number of classes: the length of the logits.
    package let classes: Int
    /// Labels of one example: 1, or one a token.
    package let labelsPerExample: Int
    /// Every operation, in an order in which each comes after what it reads.
    package let nodes: [Node]
    /// Where each parameter is in the flat vector.
    package let layout: ParameterLayout
    /// Of every value, whether a parameter comes before it.
    private let followsParameter: [Bool]

    /// The length of the flat parameter vector.
    package var parameterCount: Int { layout.count }

    /// Infers every shape; throws with the first layer that does not fit.
    ///
    /// - Parameters:
    ///   - name: for people.
    ///   - input: shape of one example.
    ///   - classes: at least 2; the last layer's output is [classes], or [tokens, classes] for a label a token.
    package init(name: String, input: Shape, classes: Int, layers: [Layer]) throws(NetworkError) {
        guard classes >= 2, input.count >= 1 else { throw .size(input: input.dimensions, classes: classes) }
        var builder = NetworkBuilder(input: input)
        let end = try builder.append(layers, after: 0, prefix: "")
        let shape = builder.shapes[end]
        let isLabelled = shape.dimensions == [classes] || shape.dimensions.count == 2 && shape.features == classes
        guard isLabelled, end == builder.nodes.count, !builder.named.isEmpty else {
            throw .output(shape, classes: classes)
        }
        self.name = name
        self.input = input
        self.classes = classes
        labelsPerExample = shape.places
        nodes = builder.nodes
        layout = ParameterLayout(builder.named)
        var followsParameter = [false]
        followsParameter.reserveCapacity(nodes.count + 1)
        for node in nodes {
            followsParameter.append(
                !node.operation.parameters.isEmpty || node.inputs.contains { followsParameter[$0] }
            )
        }
        self.followsParameter = followsParameter
    }

    /// The same, written as a block.
    package init(
        name: String,
        input: Shape,
        classes: Int,
        @LayerBuilder layers: () -> [Layer]
    ) throws(NetworkError) {
        try self.init(name: name, input: input, classes: classes, layers: layers())
    }

    /// Values of the start, reproducible by the seed: PyTorch's distribution for each kind of layer.
    package func startParameters(seed: UInt64) -> Buffer<Float> {
        let parameters = Buffer<Float>(count: layout.count)
        var stream = PublicStream(seed: seed, purpose: .initialisation)
        for slice in layout.slices {
            parameters.write(slice.range) { values in
                for place in values.indices {
                    let value = slice.parameter.start.draw(from: &stream)
                    values[place] = slice.parameter.zeros.contains(place) ? 0 : value
                }
            }
        }
        return parameters
    }

    /// The same as an array.
    package func initialParameters(seed: UInt64) -> [Float] {
        startParameters(seed: seed).read { values in values.indices.map { values[$0] } }
    }

    /// The shape of value `value`.
    package func shape(of value: Int) -> Shape {
        value == 0 ? input : nodes[value - 1].operation.output
    }

    /// How many different tokens an example's input may hold; nil where it holds numbers.
    package var vocabulary: Int? {
        nodes.lazy.filter { $0.inputs.contains(0) }.compactMap(\.operation.vocabulary).min()
    }

    /// Multiplications and additions of the matrix products that training without clipping takes for one example.
    package var operationsPerExample: Double {
        nodes.reduce(0) { total, node in
            let products = node.products.reduce(0) { $0 + $1.places * $1.groups * $1.rows * $1.columns }
            let passes = node.inputs.contains { needsGradient($0) } ? 3 : 2
            return total + 2 * Double(products) * Double(passes)
        }
    }

    /// Whether a parameter comes before value `value`, so that its gradient is needed.
    func needsGradient(_ value: Int) -> Bool { followsParameter[value] }
}

/// Appends layers to a growing graph.
private struct NetworkBuilder {
    var nodes: [Network.Node] = []
    var shapes: [Shape]
    var named: [(name: String, parameter: OperationParameter)] = []
    private var parameterCount = 0

    init(input: Shape) {
        shapes = [input]
    }

    /// Appends layers after value `start` and gives the value that they end in.
    mutating func append(_ layers: [Layer], after start: Int, prefix: String) throws(NetworkError) -> Int {
        var value = start
        for (index, layer) in layers.enumerated() {
            let path = layer.name == "" ? String(prefix.dropLast()) : prefix + (layer.name ?? "\(index)")
            switch layer.form {
            case .operation(let order, let build):
                value = try append(layer.kind, order, build, after: value, path: path)
            case .sequence(let inner):
                value = try append(inner, after: value, prefix: path + ".")
            case .residual(let inner, let shortcut):
                var inside = try append(inner, after: value, prefix: path + ".")
                var outside = try append(shortcut, after: value, prefix: path + ".shortcut.")
                guard shapes[inside].dimensions == shapes[outside].dimensions else {
                    throw .operation(
                        path: path,
                        kind: layer.kind,
                        input: shapes[value],
                        reason: "its layers end in \(shapes[inside]) and its shortcut in \(shapes[outside])"
                    )
                }
                if shapes[inside].isChannelsLast != shapes[outside].isChannelsLast {
                    inside = reorder(inside, channelsLast: true, path: path)
                    outside = reorder(outside, channelsLast: true, path: path)
                }
                value = append(Addition(shapes[inside]), [inside, outside], path: path)
            }
        }
        return value
    }

    private mutating func append(
        _ kind: String,
        _ order: Layer.Order,
        _ build: (Shape) throws(OperationError) -> any Operation,
        after start: Int,
        path: String
    ) throws(NetworkError) -> Int {
        var value = start
        if shapes[value].dimensions.count == 3, order != .any {
            value = reorder(value, channelsLast: order == .channelsLast, path: path)
        }
        do {
            return append(try build(shapes[value]), [value], path: path)
        } catch {
            throw .operation(path: path, kind: kind, input: shapes[value], reason: error.reason)
        }
    }

    private mutating func reorder(_ value: Int, channelsLast: Bool, path: String) -> Int {
        guard shapes[value].isChannelsLast != channelsLast else { return value }
        return append(Reordering(shapes[value]), [value], path: path)
    }

    private mutating func append(_ operation: any Operation, _ inputs: [Int], path: String) -> Int {
        nodes.append(
            Network.Node(operation: operation, inputs: inputs, parameterOffset: parameterCount, path: path)
        )
        for parameter in operation.parameters {
            named.append((path.isEmpty ? parameter.role : "\(path).\(parameter.role)", parameter))
            parameterCount += parameter.shape.count
        }
        shapes.append(operation.output)
        return shapes.count - 1
    }
}

extension OperationParameter.Start {
    fileprivate func draw(from stream: inout PublicStream) -> Float {
        switch self {
        case .uniform(let bound): (2 * stream.unitFloat() - 1) * bound
        case .normal(let deviation): deviation * stream.standardNormal()
        case .constant(let value): value
        }
    }
}

extension PublicStream {
    /// A standard normal by the sum of twelve uniforms (Irwin and Hall): good enough for where training starts.
    fileprivate mutating func standardNormal() -> Float {
        var sum: Float = -6
        for _ in 0..<12 { sum += unitFloat() }
        return sum
    }
}
