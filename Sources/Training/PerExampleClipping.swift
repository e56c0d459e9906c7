// SPDX-License-Identifier: Apache-2.0

package import Accounting
import Datasets
import Kernels
package import Networks

/// One example's whole gradient at a time, rounded to the grid and scaled toward zero in integers until Σ q² ≤ B².
///
/// The bound is exact, without slack for rounding: inflation 1 (reference/maths.md §3.5). A gradient with a value that is
/// not finite contributes zero.
package struct PerExampleClipping: ClippingMethod {
    package let name = "per-example"

    package init() {}

    package func certificate(for network: Network, grid: CertifiedGrid) throws(TrainingError) -> SensitivityCertificate
    {
        try check(network, grid)
        return SensitivityCertificate(
            method: name,
            bound: grid.bound,
            gridExponent: grid.exponent,
            dimension: grid.dimension,
            inflation: 1,
            derivation: "integer clipping, exact for every input: docs/proofs/integer-clip.md",
            // The bound needs none of it; that an example is the same vector in every tile does.
            environment: Processor.description
        )
    }

    package func makeWorker(for network: Network, grid: CertifiedGrid) throws(TrainingError) -> any ClippingWorker {
        try check(network, grid)
        return Worker(network: network, grid: grid)
    }

    package func plannedBytes(for network: Network) -> Int {
        NetworkExecution.plannedBytes(network)
            + network.parameterCount * (MemoryLayout<Float>.stride + MemoryLayout<Int32>.stride)
    }

    private func check(_ network: Network, _ grid: CertifiedGrid) throws(TrainingError) {
        guard grid.dimension == network.parameterCount else {
            throw .notCertified(
                method: name,
                reason: "the grid has \(grid.dimension) coordinates and the network \(network.parameterCount)"
            )
        }
    }
}

extension PerExampleClipping {
    private final class Worker: ClippingWorker {
        private let execution: NetworkExecution
        private let gradient: Buffer<Float>
        private let integers: Buffer<Int32>
        private let clip: IntegerClip
        private var labels: [Int32] = []

        init(network: Network, grid: CertifiedGrid) {
            execution = NetworkExecution(network)
            gradient = Buffer(count: network.parameterCount)
            integers = Buffer(count: network.parameterCount)
            clip = IntegerClip(bound: grid.bound, gridExponent: grid.exponent, dimension: grid.dimension)
            labels.reserveCapacity(Network.tileRows)
        }

        func accumulate(
            tile: ArraySlice<Int>,
            of dataset: Dataset,
            parameters: Buffer<Float>,
            into sum: Buffer<Int64>
        ) {
            execution.load(tile, of: dataset, labels: &labels)
            execution.forward(parameters: parameters)
            execution.backward(labels: labels, parameters: parameters)
            for example in 0..<tile.count {
                execution.gradient(example: example, into: gradient)
                // The outcome tells the example's norm and whether it was clipped: private, so it ends here.
                _ = clip.add(gradient, scratch: integers, to: sum)
            }
        }
    }
}

extension NetworkExecution {
    /// Loads the examples of a tile and gives their labels.
    func load(_ tile: ArraySlice<Int>, of dataset: Dataset, labels: inout [Int32]) {
        labels.removeAll(keepingCapacity: true)
        for index in tile { labels.append(dataset.label(index)) }
        load(examples: tile.count) { row, input in
            dataset.write(example: tile[tile.startIndex + row], into: &input)
        }
    }
}
