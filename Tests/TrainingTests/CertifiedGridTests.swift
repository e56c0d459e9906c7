// SPDX-License-Identifier: Apache-2.0

import Testing
import Training

@Suite struct CertifiedGridTests {
    /// reference/maths.md §0.4: g/C = 2^-18 for 26 thousand parameters, 2^-20 for a million, 2^-24 for 86 million.
    @Test(arguments: [(26_010, 18), (1_000_000, 20), (86_000_000, 24), (1, 10), (4, 11), (5, 12)])
    func stepIsTheLargestPowerOfTwo(_ dimension: Int, _ exponent: Int) throws {
        let grid = try CertifiedGrid(clip: 1, dimension: dimension)
        #expect(grid.exponent == exponent)
        #expect(grid.bound == 1 << Int64(exponent))
        // g√d ≤ 2^-10 C, and not for twice the step: both sides squared are whole numbers.
        #expect(Int128(dimension) << 20 <= Int128(1) << (2 * exponent))
        #expect(Int128(dimension) << 20 > Int128(1) << (2 * exponent - 2))
    }

    @Test func boundIsTheWholePartOfTheClip() throws {
        let grid = try CertifiedGrid(clip: 0.1, dimension: 26_010)
        #expect(grid.exponent == 21)
        #expect(grid.bound == 209_715)
        #expect(Double(grid.bound) * grid.step <= 0.1)
        #expect(Double(grid.bound + 1) * grid.step > 0.1)
    }

    @Test func planMayLowerTheBound() throws {
        let grid = try CertifiedGrid(clip: 1, dimension: 650, bound: 30_000)
        #expect(grid.bound == 30_000)
        #expect(grid.exponent == 15)
        #expect(try CertifiedGrid(clip: 1, dimension: 650, exponent: 15, bound: 30_000) == grid)
    }

    @Test(arguments: [0, -1, 32_769, Int64.max])
    func boundAboveTheClipIsRefused(_ bound: Int64) {
        #expect(throws: TrainingError.self) { try CertifiedGrid(clip: 1, dimension: 650, bound: bound) }
    }

    @Test(arguments: [0, -1, .nan, .infinity, 1e-30, 1e30])
    func clipOutOfRangeIsRefused(_ clip: Double) {
        #expect(throws: TrainingError.self) { try CertifiedGrid(clip: clip, dimension: 650) }
    }

    @Test func dimensionOutOfRangeIsRefused() {
        #expect(throws: TrainingError.self) { try CertifiedGrid(clip: 1, dimension: 0) }
        #expect(throws: TrainingError.self) { try CertifiedGrid(clip: 1, dimension: (1 << 40) + 1) }
        #expect(throws: Never.self) { try CertifiedGrid(clip: 1, dimension: 1 << 40) }
    }
}
