// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit
import Datasets
import Files
import Kernels
import Networks
import Randomness
import Training

struct Gradients: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Write gradient norms and the clipped sum for a batch, without noise: to compare with other programs.",
        discussion: """
            The batch file holds the tensors x (one row an example) and y (labels, -1 for none); the output holds norms \
            and sum/<parameter>. Nothing of it is private.
            """
    )

    /// The grids there are.
    enum Grid: String, ExpressibleByArgument, CaseIterable {
        case fine
        case training
    }

    @OptionGroup var network: NetworkOptions

    @Option(help: "The parameters: a safetensors file with PyTorch's names.")
    var weights: String

    @Option(help: "The examples: a safetensors file with x and y.")
    var batch: String

    @Option(help: "The clipping norm of one example's gradient.")
    var clip = 1.0

    @Option(help: "The clipping method: \(ClippingMethod.names).")
    var clipping = ClippingMethod.perExample

    @Option(help: "The rule of the clip factor: abadi, automatic.")
    var factor = ClipRule.abadi

    @OptionGroup var numbers: NumericsOptions

    @Option(help: "The integers' grid: fine, or as in training.")
    var grid = Grid.fine

    @Option(help: "The most examples in work at one time; by default what suits the network.")
    var physicalBatch: Int?

    @Option(help: "Threads that compute; by default one for each processor.")
    var workers: Int?

    @Flag(help: "Switch the mass cap off.")
    var uncapped = false

    @Option(help: "The safetensors file to write.")
    var out: String

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let model: String
        let clipping: String
        let examples: Int
        let gridExponent: Int
        let certified: Bool
        let bound: Int64?
        let sensitivityInflation: Double?
    }

    func run() throws {
        let network = try network.network()
        let parameters = try network.parameters(safetensors: InputFile.read(weights))
        let examples = try ExampleFile.read(batch, network)
        var request = GradientComparison.Request(network: network, method: clipping, clip: clip)
        request.isFine = grid == .fine
        request.options.rule = factor
        request.options.capsMass = !uncapped
        request.options.numerics = try numbers.numerics()
        request.options.inflationLimit = numbers.inflationLimit
        request.workers = workers ?? Machine.processors
        request.capacity = physicalBatch.map { max(1, $0 / request.workers) }
        let result = try GradientComparison(request, parameters: parameters, examples: examples)
        let norms = NamedTensor(name: "norms", shape: [examples.count], values: result.norms.map { Float($0) })
        let sums = network.tensors(result.sum).map { tensor in
            NamedTensor(name: "sum/\(tensor.name)", shape: tensor.shape, values: tensor.values)
        }
        try DurableFile.write(Safetensors.encode([norms] + sums), to: out, mode: 0o644)
        let certificate = result.plan.certificate
        let report = Report(
            model: network.name,
            clipping: clipping.rawValue,
            examples: examples.count,
            gridExponent: result.plan.grid.exponent,
            certified: certificate != nil,
            bound: certificate?.bound,
            sensitivityInflation: certificate?.inflation
        )
        try format.print(report) { table in
            table.row("model", network.name)
            table.row("examples", "\(examples.count)")
            table.row("written", out)
            table.row("grid", "2^-\(report.gridExponent)")
            table.row("certificate", certificate.map { "bound \($0.bound), inflation \($0.inflation.short)" } ?? "none")
        }
    }
}

extension ClipRule: ExpressibleByArgument {}

/// Examples from a safetensors file.
enum ExampleFile {
    /// - Throws: a `CommandError` that names the tensor and what would be right.
    static func read(_ path: String, _ network: Network) throws -> FloatExamples {
        let tensors = try Safetensors.decode(InputFile.read(path))
        func tensor(_ name: String) throws -> NamedTensor {
            guard let tensor = tensors.first(where: { $0.name == name }) else {
                throw CommandError("\(path): there is no tensor '\(name)'; it needs x and y")
            }
            return tensor
        }
        let (x, y) = (try tensor("x"), try tensor("y"))
        let count = x.shape.first ?? 0
        guard count >= 1, Array(x.shape.dropFirst()).reduce(1, *) == network.input.count else {
            throw CommandError(
                "\(path): x has shape \(x.shape); model \(network.name) needs [examples] + \(network.input)"
            )
        }
        guard y.values.count == count * network.labelsPerExample else {
            throw CommandError(
                "\(path): y has \(y.values.count) labels; \(count * network.labelsPerExample) are needed"
            )
        }
        let least: Float = network.labelsPerExample > 1 ? -1 : 0
        for label in y.values where !(label >= least && label < Float(network.classes) && label == label.rounded()) {
            throw CommandError("\(path): y has the label \(label); labels are whole numbers below \(network.classes)")
        }
        return FloatExamples(
            features: x.values,
            featureCount: network.input.count,
            labels: y.values.map { Int32($0) },
            labelsPerExample: network.labelsPerExample
        )
    }
}
