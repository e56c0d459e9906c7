// SPDX-License-Identifier: Apache-2.0

package import Datasets
import Kernels
package import Networks
import Randomness

/// Norms and the clipped sum of some examples' gradients, without noise: to compare methods and programs.
package struct GradientComparison: Sendable {
    /// What to compute.
    package struct Request: Sendable {
        package var network: Network
        package var method: ClippingMethod
        /// C.
        package var clip: Double
        package var options = ClippingPlan.Options()
        /// Whether the grid is so fine that g√d is at most 2^-30 of the smallest norm that is not 0.
        package var isFine = true
        package var workers = 1
        /// Examples of a tile; nil for what suits the network.
        package var capacity: Int?

        package init(network: Network, method: ClippingMethod, clip: Double) {
            self.network = network
            self.method = method
            self.clip = clip
        }
    }

    /// How it was computed.
    package let plan: ClippingPlan
    /// Every example's gradient norm, by the method; by the gradients themselves where nothing is clipped.
    package let norms: [Double]
    /// Flat, in the network's layout.
    package let sum: [Float]

    /// - Parameter parameters: flat, in the network's layout.
    package init(
        _ request: Request,
        parameters: [Float],
        examples: any ExampleSource
    ) throws(TrainingError) {
        let parameters = Buffer(parameters)
        let pool = WorkerPool(workers: request.workers)
        let exact = try Self.run(
            .exact,
            request,
            try CertifiedGrid(
                clip: request.clip,
                dimension: request.network.parameterCount
            ),
            parameters,
            examples,
            pool
        )
        var grid = exact.plan.grid
        if request.isFine {
            let smallest = exact.norms.filter { $0 > 0 && $0.isFinite }.min() ?? request.clip
            let wanted = 0x1p-30 * min(smallest, request.clip) / Double(grid.dimension).squareRoot()
            // A bound has at most 2^55 steps, and the errors of leaves may take it to some clip norms.
            let step = max(wanted, request.clip * 0x1p-50)
            grid = try CertifiedGrid(
                fine: request.clip,
                dimension: grid.dimension,
                exponent: max(-60, min(100, -Int(step.exponent)))
            )
        }
        let result = try Self.run(request.method, request, grid, parameters, examples, pool)
        plan = result.plan
        norms = request.method == .none ? exact.norms : result.norms
        sum = result.sum
    }

    private static func run(
        _ method: ClippingMethod,
        _ request: Request,
        _ grid: CertifiedGrid,
        _ parameters: Buffer<Float>,
        _ examples: any ExampleSource,
        _ pool: WorkerPool
    ) throws(TrainingError) -> (plan: ClippingPlan, norms: [Double], sum: [Float]) {
        let plan = try ClippingPlan(
            method,
            network: request.network,
            grid: grid,
            options: request.options,
            capacity: request.capacity,
            examples: examples.count
        )
        let norms = Buffer<Double>(count: examples.count)
        let sum = Buffer<Float>(count: grid.dimension)
        let summer = GradientSummer(plan, pool: pool, examples: examples.count, norms: norms)
        var keys = PublicStream(seed: 0, purpose: .draw)
        summer.take(0..<examples.count, keysFrom: &keys)
        summer.run(of: examples, parameters: parameters)
        if method == .none {
            summer.readPlain { offset, values in
                sum.write(offset..<offset + values.count) { Elementwise.copy(values, into: &$0) }
            }
        } else {
            let step = grid.step
            summer.read { offset, integers in
                sum.write(offset..<offset + integers.count) { target in
                    for index in integers.indices { target[index] = Float(Double(integers[index]) * step) }
                }
            }
        }
        return (plan, norms.read { span in span.indices.map { span[$0] } }, sum.read { $0.elements })
    }
}
