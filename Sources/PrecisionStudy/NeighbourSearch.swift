// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Datasets
internal import Kernels
internal import Networks
internal import Randomness
internal import Training

/// Looks for one example that changes the integer sum of a batch by more than its certificate says.
///
/// The batch is summed without and with the example, at the same parameters and with the same keys of the other examples,
/// so that what differs is the example and what it does to the rounding of the others. Integers are compared exactly. A
/// search proves nothing; the certificates' proofs do. It would find what is wrong with a processor, a library or a build.
struct NeighbourSearch {
    private let network: Network
    private let plan: ClippingPlan
    private let examples: MixedExamples
    private let pool: WorkerPool
    private let sum: Buffer<Int64>

    /// Examples of the batch: more than one leaf and one tile hold.
    private static let common = 48

    /// - Parameter plan: how a run of the task clips.
    init(_ task: StudyTask, _ plan: ClippingPlan) {
        self.plan = plan
        network = task.network
        examples = MixedExamples(
            common: task.spaced(Self.common),
            candidates: task.spaced(task.neighbours, from: 1),
            // Tokens have no values to do harm with.
            made: task.network.vocabulary == nil ? HarmfulExamples.all(like: task.train) : []
        )
        pool = WorkerPool(workers: task.workers)
        sum = Buffer(count: task.network.parameterCount)
    }

    /// Tries every candidate at these parameters.
    ///
    /// - Parameter seed: of the keys.
    func run(_ parameters: [Float], seed: UInt64) throws(TrainingError) -> NeighbourFindings {
        let bound = try plan.certified().bound
        let parameters = Buffer(parameters)
        let without = integers(of: Array(0..<examples.commonCount), parameters, seed)
        var findings = NeighbourFindings()
        for candidate in examples.commonCount..<examples.count {
            // It comes first, so that without it all others move up by one.
            let with = integers(of: [candidate] + Array(0..<examples.commonCount), parameters, seed)
            var distance: Int128 = 0
            for (x, y) in zip(with, without) {
                let difference = Int128(x) - Int128(y)
                distance += difference * difference
            }
            findings.tried += 1
            if distance > Int128(bound) * Int128(bound) { findings.violations += 1 }
            findings.largestRatio = max(findings.largestRatio, Double(distance).squareRoot() / Double(bound))
        }
        return findings
    }

    private func integers(of order: [Int], _ parameters: Buffer<Float>, _ seed: UInt64) -> [Int64] {
        let randomness = InsecureRandomness(seed: seed)
        let keys = order.map { index in
            var stream = randomness.stream(.draw, index)
            return stream.next()
        }
        var stream = InsecureScriptedStream(keys)
        // A summer of its own: what a network draws at random follows the number of sums so far.
        let summer = GradientSummer(plan, pool: pool, examples: order.count)
        summer.take(order, keysFrom: &stream)
        summer.run(of: examples, parameters: parameters)
        let sum = sum
        summer.read { offset, values in
            sum.write(offset..<offset + values.count) { target in
                for index in values.indices { target[index] = values[index] }
            }
        }
        return sum.read { span in span.indices.map { span[$0] } }
    }
}

/// Examples of the data set, and such as no data set should hold.
private struct MixedExamples: ExampleSource {
    private let common, candidates: Dataset
    private let made: [[Float]]

    init(common: Dataset, candidates: Dataset, made: [[Float]]) {
        self.common = common
        self.candidates = candidates
        self.made = made
    }

    var commonCount: Int { common.count }
    var count: Int { common.count + candidates.count + made.count }

    func write(example: Int, into output: inout MutableSpan<Float>) {
        if example < common.count {
            common.write(example: example, into: &output)
        } else if example < common.count + candidates.count {
            candidates.write(example: example - common.count, into: &output)
        } else {
            let values = made[example - common.count - candidates.count]
            for index in output.indices { output[index] = values[index] }
        }
    }

    func appendLabels(of example: Int, to labels: inout [Int32]) {
        if example < common.count {
            common.appendLabels(of: example, to: &labels)
        } else if example < common.count + candidates.count {
            candidates.appendLabels(of: example - common.count, to: &labels)
        } else {
            labels.append(Int32(example % common.classes))
        }
    }
}
