// SPDX-License-Identifier: Apache-2.0

import Networks
import TestKit
import Testing

extension OperationBench {
    /// Examples uniform in ±`scale`, of different sizes.
    func examples(_ count: Int, seed: UInt64 = 7, scale: Float = 1.5) -> [[Float]] {
        (0..<count).map { testFloats(network.input.count, seed: seed + UInt64($0), scale: scale * Float(1 + $0 % 3)) }
    }

    /// ‖x - truth‖ / ‖truth‖.
    static func relativeError(_ x: some Collection<Double>, _ truth: [Double]) -> Double {
        let error = zip(x, truth).reduce(0.0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let size = truth.reduce(0.0) { $0 + $1 * $1 }
        return size > 0 ? (error / size).squareRoot() : error.squareRoot()
    }

    /// Checks outputs, and the gradients by the input and by every parameter, against an independent function in Double
    /// of the operation's input and parameters. The truth's gradients are central differences of fourth order, right to
    /// about 1e-10 for functions that are smooth over 1e-2.
    func expectAgreement(
        on examples: [[Float]],
        tolerance: Double = 5e-6,
        sourceLocation: SourceLocation = #_sourceLocation,
        with truth: (_ input: [Double], _ parameters: [Double]) -> [Double]
    ) {
        let own = operationParameters.map(Double.init)
        for (example, outcome) in zip(examples, run(examples)) {
            let x = example.map(Double.init)
            let forward = Self.relativeError(outcome.output.map(Double.init), truth(x, own))
            #expect(forward <= tolerance, "forward", sourceLocation: sourceLocation)
            func difference(_ moved: (Double) -> [Double]) -> Double {
                let step = 1e-3
                let (near, far) = (zip(moved(step), moved(-step)), zip(moved(2 * step), moved(-2 * step)))
                var sum = 0.0
                for (index, (one, two)) in zip(near, far).enumerated() {
                    let slope = (8 * (one.0 - one.1) - (two.0 - two.1)) / (12 * step)
                    sum += slope * outcome.outputGradient[index]
                }
                return sum
            }
            let byParameters = own.indices.map { index in
                difference { by in
                    var moved = own
                    moved[index] += by
                    return truth(x, moved)
                }
            }
            let direct = Self.relativeError(outcome.gradient, byParameters)
            #expect(direct <= tolerance, "gradient by the parameters", sourceLocation: sourceLocation)
            guard !outcome.inputGradient.isEmpty else { continue }
            let byInput = x.indices.map { index in
                difference { by in
                    var moved = x
                    moved[index] += by
                    return truth(moved, own)
                }
            }
            let backward = Self.relativeError(outcome.inputGradient.map(Double.init), byInput)
            #expect(backward <= tolerance, "gradient by the input", sourceLocation: sourceLocation)
        }
    }

    /// Checks that an example alone gives the bits that it gives at any row among neighbours that are NaN, infinite or
    /// huge, in tiles of any capacity.
    ///
    /// - Parameter neighbours: what the other examples hold; token ids must be some.
    func expectSlotInvariance(
        of example: [Float],
        neighbours: [Float] = [.nan, .infinity, 1e30, 0],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let alone = run([example], labels: [1], seeds: [99])
        #expect(alone[0].isFinite, sourceLocation: sourceLocation)
        for (count, row, capacity) in [(2, 1, 2), (5, 0, 7), (5, 4, 5), (19, 11, 32), (33, 32, 40)] {
            var examples = (0..<count).map { index in
                example.map { _ in neighbours[index % neighbours.count] }
            }
            examples[row] = example
            var labels = examples.indices.map { Int32($0 % Self.classes) }
            labels[row] = 1
            var seeds = examples.indices.map { UInt64($0) }
            seeds[row] = 99
            let outcomes = run(examples, capacity: capacity, labels: labels, seeds: seeds)
            #expect(outcomes[row] == alone[0], "row \(row) of \(count)", sourceLocation: sourceLocation)
        }
    }

    /// Checks that all ways to lend gradients lend the same bits: that nothing is read that was not said to be needed.
    func expectSchedulesAgree(on examples: [[Float]], sourceLocation: SourceLocation = #_sourceLocation) {
        let kept = run(examples, schedule: .kept)
        for schedule in [Schedule.Kind.streamed, .recomputed] {
            let other = run(examples, schedule: schedule)
            #expect(other.map(\.whole) == kept.map(\.whole), "\(schedule)", sourceLocation: sourceLocation)
        }
    }
}
