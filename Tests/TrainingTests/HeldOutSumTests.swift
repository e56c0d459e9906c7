// SPDX-License-Identifier: Apache-2.0

import Datasets
import Kernels
import Networks
import Synchronization
import TestKit
import Testing
import Training

@Suite("Sums of held-out examples")
struct HeldOutSumTests {
    /// Integers that tell examples apart.
    static let contribution: HeldOutSum.Contribution = { loss, correct, labels in
        [Int64(labels), Int64(correct), Int64((loss * 1e6).rounded())]
    }

    @Test(
        "The sum is that of a loop over the drawn examples, whatever the workers, the padding and the order",
        arguments: ["logistic", "mlp"]
    )
    func sums(model: String) throws {
        let bench = try Bench(model)
        let drawn = Array(stride(from: 3, to: bench.test.count, by: 7))
        let execution = NetworkExecution(bench.network, schedule: .forward, capacity: 1)
        var expected: [Int64] = [0, 0, 0]
        for example in drawn {
            execution.load(examples: 1) { _, input in
                bench.test.write(example: example, into: &input)
                return 0
            }
            execution.run(parameters: bench.parameters)
            let score = execution.score(labels: [bench.test.label(example)])
            for (index, value) in Self.contribution(score.loss, score.correct, score.labels).enumerated() {
                expected[index] += value
            }
        }
        #expect(expected[0] == Int64(drawn.count) && expected[2] > 0)
        for workers in [1, 3] {
            let summer = HeldOutSum(bench.network, pool: WorkerPool(workers: workers), numerics: .single)
            for slots in [0, drawn.count, drawn.count + 1, 200, 1000] {
                for order in [drawn, drawn.reversed()] {
                    let sum = summer.sum(
                        of: bench.test,
                        drawn: order,
                        slots: slots,
                        coordinates: 3,
                        parameters: bench.parameters,
                        contribution: Self.contribution
                    )
                    #expect(sum == expected, "\(workers) workers, \(slots) slots")
                }
            }
        }
    }

    @Test(
        "The work is that of the slots, or of a larger draw, and an empty draw is a sum of zeros",
        arguments: [0, 5, 70]
    )
    func work(drawn count: Int) throws {
        let bench = try Bench()
        let scored = Mutex(0)
        let sum = HeldOutSum(bench.network, pool: WorkerPool(workers: 2), numerics: .single).sum(
            of: bench.test,
            drawn: Array(0..<count),
            slots: 50,
            coordinates: 1,
            parameters: bench.parameters
        ) { _, _, _ in
            scored.withLock { $0 += 1 }
            return [1]
        }
        #expect(sum == [Int64(count)])
        #expect(scored.withLock { $0 } == max(50, count))
    }

    @Test("It ends early when it is asked to, and hands nothing over; without examples there is nothing to do")
    func ends() throws {
        let bench = try Bench()
        let summer = HeldOutSum(bench.network, pool: WorkerPool(workers: 2), numerics: .single)
        func sum(of dataset: Dataset, drawn: [Int], isStopped: @escaping @Sendable () -> Bool) -> [Int64]? {
            summer.sum(
                of: dataset,
                drawn: drawn,
                slots: 300,
                coordinates: 3,
                parameters: bench.parameters,
                isStopped: isStopped,
                contribution: Self.contribution
            )
        }
        #expect(sum(of: bench.test, drawn: [1, 2]) { true } == nil)
        let asked = Atomic<Int>(0)
        #expect(
            sum(of: bench.test, drawn: [1, 2]) { asked.wrappingAdd(1, ordering: .relaxed).newValue > 3 } == nil
        )
        #expect(sum(of: bench.test.subset([]), drawn: []) { false } == [0, 0, 0])
    }
}
