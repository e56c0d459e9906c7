// SPDX-License-Identifier: Apache-2.0

internal import Randomness

/// A case of Tests/Fixtures/networks: a network, parameters and examples with PyTorch's results for them. Its README says
/// what is in the files.
package struct NetworkFixture: Sendable {
    /// A parameter in PyTorch's order.
    package struct Parameter: Sendable {
        package let name: String
        package let values: [Float]
    }

    package let description: Description
    package let parameters: [Parameter]
    package let inputs: [[Float]]
    /// One label an example, or one a token.
    package let labels: [Int32]
    private let tensors: [String: [Float]]

    /// A case's entry in the list of all.
    package struct Description: Decodable, Sendable {
        struct ParameterShape: Decodable, Sendable {
            let name: String
            let shape: [Int]
        }

        package let name: String
        package let input: [Int]
        package let classes: Int
        package let preset: String?
        package let layers: [FixtureLayer]
        let parameters: [ParameterShape]
        let examples: Int
        let seed: UInt64?
        let gain: Float?

        /// Whether parameters and inputs are drawn by a formula, so that the file does not hold them.
        package var isDrawn: Bool { seed != nil }
        package var parameterCount: Int { parameters.reduce(0) { $0 + $1.shape.reduce(1, *) } }
    }

    /// Every case.
    package static func descriptions() throws -> [Description] {
        try fixture("networks/cases.json", as: [Description].self)
    }

    /// - Parameter decode: reads a safetensors file.
    package init(_ description: Description, decode: ([UInt8]) throws -> [String: [Float]]) throws {
        let tensors = try decode(fixture("networks/\(description.name).safetensors"))
        self.description = description
        self.tensors = tensors
        labels = tensors["y", default: []].map { Int32($0) }
        let count = description.input.reduce(1, *)
        guard let seed = description.seed, let gain = description.gain else {
            parameters = description.parameters.map {
                Parameter(name: $0.name, values: tensors["parameter/\($0.name)", default: []])
            }
            let x = tensors["x", default: []]
            inputs = stride(from: 0, to: x.count, by: count).map { Array(x[$0..<$0 + count]) }
            return
        }
        var stream = InsecureTestStream(seed: seed)
        var parameters: [Parameter] = []
        var bound: Float = 0
        for parameter in description.parameters {
            if parameter.name.hasSuffix(".weight") {
                bound = gain / Float(parameter.shape.dropFirst().reduce(1, *)).squareRoot()
            }
            let values = (0..<parameter.shape.reduce(1, *)).map { _ in (2 * stream.unitFloat() - 1) * bound }
            parameters.append(Parameter(name: parameter.name, values: values))
        }
        self.parameters = parameters
        inputs = (0..<description.examples).map { _ in (0..<count).map { _ in stream.unitFloat() } }
    }

    package func has(_ name: String) -> Bool { tensors[name] != nil }

    /// A tensor of the file; traps where there is none.
    package func tensor(_ name: String) -> [Double] {
        guard let values = tensors[name] else { preconditionFailure("\(description.name) has no \(name)") }
        return values.map(Double.init)
    }

    /// The greatest relative error, in L2, of a clipped sum in PyTorch's order against what the file says of it: the whole
    /// vector where parameters are stored; else some of its elements and, where they are there, norms of its parts and
    /// products with vectors of signs.
    package func relativeError(ofSum sum: [Double], clip index: Int) -> Double {
        guard description.isDrawn else {
            let truth = parameters.flatMap { tensor("sum\(index)/\($0.name)") }
            return TestKit.relativeError(sum, truth)
        }
        let places = stride(from: 0, to: sum.count, by: Int(tensor("stride")[0]))
        var greatest = TestKit.relativeError(places.map { sum[$0] }, tensor("sum\(index)"))
        guard has("projections\(index)") else { return greatest }
        let (norms, projections) = self.projections(of: sum)
        greatest = max(greatest, TestKit.relativeError(norms, tensor("sumNorms\(index)")))
        return max(greatest, TestKit.relativeError(projections, tensor("projections\(index)")))
    }

    /// Norms of the parameters' parts of a vector, and their products with 16 vectors of signs.
    private func projections(of sum: [Double]) -> (norms: [Double], projections: [Double]) {
        var stream = InsecureTestStream(seed: 2026)
        var norms: [Double] = []
        var projections: [Double] = []
        var start = 0
        for parameter in parameters {
            var squares = 0.0
            var products = [Double](repeating: 0, count: 16)
            for index in start..<start + parameter.values.count {
                let word = stream.next()
                squares += sum[index] * sum[index]
                for k in 0..<16 { products[k] += word >> UInt64(k) & 1 == 1 ? -sum[index] : sum[index] }
            }
            start += parameter.values.count
            norms.append(squares.squareRoot())
            projections += products
        }
        return (norms, projections)
    }
}

/// ‖x - truth‖ / ‖truth‖, or ‖x‖ where the truth is 0; infinite where one has more elements.
package func relativeError(_ x: [Double], _ truth: [Double]) -> Double {
    guard x.count == truth.count else { return .infinity }
    let error = zip(x, truth).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let size = truth.reduce(0.0) { $0 + $1 * $1 }
    return size > 0 ? (error / size).squareRoot() : error.squareRoot()
}
