// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Networks
import Training

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a training run will take, before it takes it."
    )

    @Option(help: "The network: \(Network.presets.joined(separator: ", ")).")
    var model: String

    @Option(help: "Shape of one example.")
    var input = ShapeArgument([1, 28, 28])

    @Option(help: "The number of classes.")
    var classes = 10

    @Option(help: "Bytes for the whole process, for example 256MiB.")
    var memoryLimit: ByteSize?

    @Option(help: "The clipping method: \(ClippingMethods.all.map(\.name).joined(separator: ", ")).")
    var clipping = PerExampleClipping().name

    @Option(help: "The precision of products.")
    var precision = Precision.fp32

    @Option(help: "Threads that compute; by default one for each processor.")
    var workers: Int?

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let model: String
        let parameters: Int
        let workers: Int
        let physicalBatch: Int
        let arenaBytes: Int
        let totalBytes: Int
        let smallestLimitBytes: Int
        let items: [MemoryPlan.Item]
        let layers: [LayerPlan]
    }

    func run() throws {
        let base = ProcessMemory.resident() ?? 0
        let network = try Network.preset(model, input: Shape(input.extents), classes: classes)
        let method = try ClippingMethods.named(clipping)
        let plan = try MemoryPlan(
            MemoryPlan.Request(
                network: network,
                method: method,
                optimizerBytes: MomentumSGD.plannedBytes(dimension: network.parameterCount),
                datasetBytes: 0,
                baseBytes: base,
                workers: workers ?? Machine.processors
            ),
            limit: memoryLimit?.bytes
        )
        let report = Report(
            model: network.name,
            parameters: network.parameterCount,
            workers: plan.workers,
            physicalBatch: plan.physicalBatch,
            arenaBytes: plan.arenaBytes,
            totalBytes: plan.totalBytes,
            smallestLimitBytes: plan.smallestLimitBytes,
            items: plan.items,
            layers: LayerPlan.layers(of: network, method: method)
        )
        try format.print(report) { table in
            table.row("model", "\(network.name), \(Decimal.grouped(network.parameterCount)) parameters")
            table.row("physical batch", "\(plan.physicalBatch) examples on \(plan.workers) workers")
            for item in plan.items { table.row(item.name, "\(ByteSize(bytes: item.bytes))") }
            table.row("all", "\(ByteSize(bytes: plan.totalBytes)) without a dataset")
            table.row("smallest limit", "\(ByteSize(bytes: plan.smallestLimitBytes))")
            for layer in report.layers {
                let kept = ByteSize(bytes: layer.keptBytes)
                table.row(
                    layer.name,
                    "\(layer.method), keeps \(kept), ghost \(layer.ghostCost), instantiate \(layer.instantiateCost)"
                )
            }
        }
    }
}

/// The extents of a tensor as an argument: `1x28x28`.
struct ShapeArgument: ExpressibleByArgument, CustomStringConvertible {
    let extents: [Int]

    /// A worker's buffers are sized by it; larger examples are refused.
    private static let largestCount = 1 << 24

    init(_ extents: [Int]) {
        self.extents = extents
    }

    init?(argument: String) {
        let fields = argument.split(separator: "x", omittingEmptySubsequences: false)
        let extents = fields.compactMap { Int($0) }
        guard extents.count == fields.count, extents.allSatisfy({ (1...Self.largestCount).contains($0) }) else {
            return nil
        }
        var count = 1
        for extent in extents {
            count *= extent
            guard count <= Self.largestCount else { return nil }
        }
        self.extents = extents
    }

    var description: String { extents.map(String.init).joined(separator: "x") }

    var defaultValueDescription: String { description }
}
