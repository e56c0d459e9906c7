// SPDX-License-Identifier: Apache-2.0

import Kernels
import Models
import Networks
import Testing

/// A network from the text of a model file called my.toml.
func model(_ text: String, input: Shape? = nil, classes: Int? = nil) throws -> Network {
    try ModelSource.parse(Array(text.utf8), file: "my.toml", input: input, classes: classes)
}

/// The line with which a model file is refused; nil where it is not.
func refusal(_ text: String, input: Shape? = nil, classes: Int? = nil) -> String? {
    do throws(ModelError) {
        _ = try ModelSource.parse(Array(text.utf8), file: "my.toml", input: input, classes: classes)
        return nil
    } catch {
        return error.description
    }
}

/// The logits of some examples with fixed inputs: small whole numbers, so that they are tokens too.
func logits(_ network: Network, seed: UInt64 = 7) -> [[Float]] {
    Processor.prepare()
    let execution = NetworkExecution(network, schedule: .forward, capacity: 3)
    execution.load(examples: 3) { example, row in
        for index in row.indices { row[index] = Float((index * 7 + example * 3) % 5) }
        return UInt64(example)
    }
    execution.run(parameters: Buffer(network.initialParameters(seed: seed)))
    return (0..<3).map { execution.logits(example: $0) }
}

/// Expects the same operations, parameters and logits.
func expectSame(_ first: Network, _ second: Network, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(first.layout == second.layout, sourceLocation: sourceLocation)
    #expect(first.input == second.input && first.classes == second.classes, sourceLocation: sourceLocation)
    #expect(first.nodes.map(\.path) == second.nodes.map(\.path), sourceLocation: sourceLocation)
    #expect(first.nodes.map(\.inputs) == second.nodes.map(\.inputs), sourceLocation: sourceLocation)
    #expect(first.nodes.map(\.operation.kind) == second.nodes.map(\.operation.kind), sourceLocation: sourceLocation)
    #expect(first.nodes.map(\.operation.output) == second.nodes.map(\.operation.output), sourceLocation: sourceLocation)
    #expect(logits(first) == logits(second), sourceLocation: sourceLocation)
}
