// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser
import CommandLineKit
import Networks
import Training

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a training run will take, before it takes it."
    )

    @OptionGroup var network: NetworkOptions

    @Option(help: "The clipping method: \(ClippingMethod.names).")
    var clipping = ClippingMethod.auto

    @OptionGroup var numbers: NumericsOptions

    @Option(help: "Expected examples of a logical step.")
    var batch = 256.0

    @Option(help: "The momentum: without it the optimizer has no state.")
    var momentum = 0.0

    @OptionGroup var resources: ResourceOptions

    @OptionGroup var format: OutputOptions

    private struct Report: Encodable {
        let model: String
        let parameters: Int
        let clipping: String
        let workers: Int
        let physicalBatch: Int
        let storage: Storage
        let keptActivationBytes: Int
        let arenaBytes: Int
        let totalBytes: Int
        let smallestLimitBytes: Int
        let sensitivityInflation: Double?
        let items: [MemoryPlan.Item]
        let layers: [LayerPlan]
    }

    func validate() throws {
        guard batch >= 1, batch <= 1e9 else { throw ValidationError("--batch: 1 to 1e9 examples") }
        guard momentum >= 0, momentum < 1 else { throw ValidationError("--momentum: at least 0, below 1") }
    }

    func run() throws {
        let network = try network.network()
        let dimension = network.parameterCount
        var request = MemoryPlan.Request(
            network: network,
            method: clipping,
            grid: try CertifiedGrid(clip: 1, dimension: dimension, examples: MemoryPlan.largestDraw(batch)),
            optimizerBytes: MomentumSGD.plannedBytes(dimension: dimension, momentum: momentum),
            workers: resources.workers ?? Machine.processors,
            batch: batch
        )
        request.physicalBatch = resources.physicalBatch
        request.options.numerics = try numbers.numerics()
        request.options.inflationLimit = numbers.inflationLimit
        let plan = try MemoryPlan(request, limit: resources.memoryLimit?.bytes)
        let report = Report(
            model: network.name,
            parameters: dimension,
            clipping: clipping.rawValue,
            workers: plan.workers,
            physicalBatch: plan.physicalBatch,
            storage: numbers.storage,
            keptActivationBytes: plan.keptActivationBytes,
            arenaBytes: plan.arenaBytes,
            totalBytes: plan.totalBytes,
            smallestLimitBytes: plan.smallestLimitBytes,
            sensitivityInflation: plan.clipping.certificate?.inflation,
            items: plan.items,
            layers: plan.clipping.weights.map { LayerPlan($0, in: plan.clipping) }
        )
        try format.print(report) { table in
            table.row("model", "\(network.name), \(Decimal.grouped(dimension)) parameters")
            table.row("physical batch", "\(plan.physicalBatch) examples on \(plan.workers) workers")
            table.row(
                "activations",
                "\(ByteSize(bytes: plan.keptActivationBytes)) of the gradients' room, in \(numbers.storage)"
            )
            for item in plan.items { table.row(item.name, "\(ByteSize(bytes: item.bytes))") }
            table.row("all", "\(ByteSize(bytes: plan.totalBytes)) beyond the process and its data")
            table.row("smallest limit", "\(ByteSize(bytes: plan.smallestLimitBytes))")
            table.row("inflation", report.sensitivityInflation?.short ?? "none: not private")
            for layer in report.layers {
                let kept = layer.recompute ? "recomputed" : "keeps \(ByteSize(bytes: layer.keptBytes))"
                table.row(
                    layer.name,
                    "\(layer.method); \(kept), ghost \(layer.ghostCost), instantiate \(layer.instantiateCost)"
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
