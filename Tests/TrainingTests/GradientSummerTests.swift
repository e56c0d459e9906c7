// SPDX-License-Identifier: Apache-2.0

import Accounting
import Kernels
import Networks
import Randomness
import Testing
import Training

@Suite struct GradientSummerTests {
    /// Clipping moves an example by at most g√d/2 when it is scaled and g√d/2 when it is rounded, each at most 2^-11 C;
    /// float32 gradients add less than 1e-5 of their norm. A missing example would move the sum by about C.
    @Test func agreesWithPyTorch() throws {
        let fixture = try TrainingFixture.load()
        #expect(fixture.sums.contains { $0.clipped > 0 && $0.clipped < fixture.examples })
        for expected in fixture.sums {
            let bench = try Bench(expected.model, clip: expected.clip)
            let sum = try bench.sum(Array(0..<fixture.examples)).map { Double($0) * bench.grid.step }
            let tolerance = Double(fixture.examples) * expected.clip * (0x1p-10 + 1e-5)
            let norm = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(abs(norm - expected.norm) < tolerance)
            var distance = 0.0
            for (index, value) in expected.sum.enumerated() {
                let difference = sum[index * expected.stride] - value
                distance += difference * difference
            }
            // Stored coordinates alone, so that the bound of the whole vector holds for them.
            #expect(distance.squareRoot() < tolerance)
        }
    }

    @Test func doesNotDependOnWorkers() throws {
        let bench = try Bench("mlp", clip: 0.7)
        let indices = Array(stride(from: 3, to: 500, by: 2))
        let one = try bench.sum(indices, workers: 1)
        #expect(try bench.sum(indices, workers: 2) == one)
        #expect(try bench.sum(indices, workers: 3) == one)
        #expect(one.contains { $0 != 0 })
    }

    /// Every example after the one that is left out moves to another row or another tile, and keeps its integers.
    @Test(arguments: ["logistic", "mlp"])
    func removingAnExampleTakesAwayItsVectorAndNothingElse(_ model: String) throws {
        let bench = try Bench(model, clip: 0.9)
        let indices = Array(100..<181)
        let summer = try bench.summer(workers: 2)
        func sum(_ indices: [Int]) -> [Int64] {
            var keys = InsecureTestStream(seed: 0)
            summer.clear()
            summer.take(indices, keysFrom: &keys)
            summer.run(of: bench.train, parameters: bench.parameters)
            return summer.integers
        }
        let all = sum(indices)
        for position in [0, 1, 31, 32, 63, 64, 80] {
            var fewer = indices
            let removed = fewer.remove(at: position)
            let difference = zip(all, sum(fewer)).map { $0 - $1 }
            #expect(difference == sum([removed]))
            let bound = Int128(bench.grid.bound)
            #expect(sumOfSquares(difference) <= bound * bound)
            #expect(sumOfSquares(difference) > 0)
        }
    }

    @Test func orderDoesNotMatter() throws {
        let bench = try Bench("mlp", clip: 0.9)
        #expect(try bench.sum(Array(0..<97).reversed()) == bench.sum(Array(0..<97)))
    }

    @Test func emptyDrawIsZero() throws {
        let bench = try Bench()
        #expect(try bench.sum([], workers: 2).allSatisfy { $0 == 0 })
    }

    /// A gradient that is not a number contributes zero; a huge one stays within the bound.
    @Test(arguments: [Float.nan, .infinity, 1e30, -1e38, .leastNonzeroMagnitude])
    func boundHoldsForEveryParameter(_ value: Float) throws {
        let bench = try Bench("mlp")
        for index in [0, 40_000, 150_000] { bench.parameters.write { $0[index] = value } }
        let bound = Int128(bench.grid.bound)
        for example in 0..<8 {
            let squares = sumOfSquares(try bench.sum([example]))
            #expect(squares <= bound * bound)
            if value.isNaN { #expect(squares == 0) }
        }
    }

    @Test func certificateIsExact() throws {
        let bench = try Bench()
        let certificate = try bench.plan().certified()
        #expect(certificate.inflation == 1)
        #expect(certificate.bound == bench.grid.bound)
        #expect(certificate.gridExponent == bench.grid.exponent)
        #expect(certificate.dimension == 650)
    }

    @Test func gridOfAnotherNetworkIsRefused() throws {
        let bench = try Bench()
        let grid = try CertifiedGrid(clip: 1, dimension: 651)
        #expect(throws: TrainingError.self) {
            try ClippingPlan(.perExample, network: bench.network, grid: grid)
        }
    }

    @Test func methodsAreFoundByName() throws {
        for method in ClippingMethod.allCases { #expect(try ClippingMethod.named(method.rawValue) == method) }
        let known = [
            "none", "per-example", "exact", "ghost", "mixed-ghost", "book-keeping", "book-keeping-mix", "per-layer",
            "auto",
        ]
        #expect(throws: TrainingError.unknownClipping(name: "ghost-ish", known: known)) {
            try ClippingMethod.named("ghost-ish")
        }
    }
}
