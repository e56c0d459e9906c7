// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import Kernels
import Networks
import Randomness
import TestKit
import Testing
import Training

/// Case A6: what one example changes, whatever it is, stays within the certificate.
@Suite struct NeighbourTests {
    static let certified = ClippingMethod.allCases.filter { $0 != .none }

    /// What the example in question holds.
    private enum Special: CaseIterable {
        case ordinary, large, notANumber, oneNotANumber, infinite, oneInfinite, huge, greatest, zero, subnormal,
            duplicate, overflowing, tiny, cancelling

        func values(_ one: RandomNetwork) -> [Float] {
            let ordinary = one.example(seed: 999)
            func single(_ value: Float) -> [Float] {
                var values = ordinary
                values[values.count / 2] = value
                return values
            }
            switch self {
            case .ordinary: return ordinary
            case .large: return one.example(seed: 998, scale: 100)
            case .notANumber: return ordinary.map { _ in .nan }
            case .oneNotANumber: return single(.nan)
            case .infinite: return ordinary.map { _ in .infinity }
            case .oneInfinite: return single(-.infinity)
            case .huge: return ordinary.map { $0 < 0 ? -1e30 : 1e30 }
            case .greatest: return single(.greatestFiniteMagnitude)
            case .zero: return ordinary.map { _ in 0 }
            case .subnormal: return ordinary.map { $0 * 0x1p-140 }
            case .duplicate: return one.example(seed: 0)
            // Beyond the largest numbers of FP16 and of BF16 when rounded, and below their least.
            case .overflowing: return ordinary.indices.map { $0 % 2 == 0 ? 65_520 : $0 % 3 == 0 ? 0x1.FFp127 : 1 }
            case .tiny: return ordinary.indices.map { ordinary[$0] * ($0 % 2 == 0 ? 0x1p-24 : 0x1p-126) }
            // Neighbouring places nearly cancel, with terms that rounding tells apart.
            case .cancelling: return ordinary.indices.map { ($0 % 2 == 0 ? 3e4 : -3e4) * (1 + ordinary[$0 / 2] / 500) }
            }
        }
    }

    /// Keys of the common examples, and of the one in question.
    private enum Keys: CaseIterable {
        case random, equal, crowded

        func key(_ index: Int) -> UInt64 {
            switch self {
            case .random:
                var stream = InsecureTestStream(seed: UInt64(index))
                return stream.next()
            case .equal: return 7
            case .crowded: return UInt64(index % 3) << 62 | UInt64(index)
            }
        }
    }

    /// The examples `order` out of `count` common ones and `special`, number `count`.
    private func sum(
        _ one: RandomNetwork,
        _ plan: ClippingPlan,
        count: Int,
        special: [Float],
        order: [Int],
        keys: Keys,
        workers: Int = 1
    ) -> [Int64] {
        let features = (0..<count).flatMap { one.example(seed: UInt64($0), scale: Float(1 + $0 % 4)) } + special
        let examples = FloatExamples(
            features: features,
            featureCount: one.network.input.count,
            labels: (0...count).map { Int32($0 % 3) }
        )
        let summer = GradientSummer(plan, pool: WorkerPool(workers: workers))
        var stream = InsecureScriptedStream(order.map(keys.key))
        summer.take(order, keysFrom: &stream)
        summer.run(of: examples, parameters: Buffer(one.parameters))
        return summer.integers
    }

    private func squaredDistance(_ x: [Int64], _ y: [Int64]) -> Int128 {
        sumOfSquares(zip(x, y).map { $0 - $1 })
    }

    @Test(arguments: certified, 0..<16 as Range<UInt64>)
    func oneExampleStaysWithinTheCertificate(method: ClippingMethod, seed: UInt64) throws {
        try expectCertificateHolds(method, seed: seed, .single)
    }

    /// The same for all numbers that products are rounded to.
    @Test(arguments: certified, LowPrecision.all)
    func oneExampleStaysWithinTheCertificateInFewerBits(method: ClippingMethod, numerics: Numerics) throws {
        for seed in 0..<(LongTests.isOn ? 24 : 6) as Range<UInt64> {
            try expectCertificateHolds(method, seed: seed, numerics)
        }
    }

    private func expectCertificateHolds(_ method: ClippingMethod, seed: UInt64, _ numerics: Numerics) throws {
        let one = try RandomNetwork(seed: seed)
        let clip = [0.05, 0.4, 3][Int(seed / 4) % 3]
        var options = ClippingPlan.Options()
        options.keepsBound = seed % 3 == 0
        options.rule = seed % 5 == 0 ? .automatic : .abadi
        options.numerics = numerics
        options.inflationLimit = .infinity
        // Whose sums fit 32 bits, and whose do not.
        for examples in numerics == .single ? [64, 1 << 40] : [64] {
            let plan = try ClippingPlan(
                method,
                network: one.network,
                grid: CertifiedGrid(clip: clip, dimension: one.network.parameterCount),
                options: options,
                capacity: seed % 2 == 0 ? 4 : 16,
                examples: examples
            )
            #expect(plan.width == (examples == 64 ? .narrow : .wide))
            let bound = Int128(try plan.certified().bound)
            #expect(!options.keepsBound || bound <= Int128(plan.grid.bound))
            for keys in Keys.allCases {
                for count in keys == .random ? [0, 3, 40] : [21] {
                    try expectWithin(bound, one, plan, count: count, keys: keys)
                }
            }
        }
    }

    /// The same where activations and gradients rest in 16 bits: methods by leaves take the numbers that were rounded.
    @Test(arguments: certified, 0..<8 as Range<UInt64>)
    func whatRestsInSixteenBits(method: ClippingMethod, seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        var options = ClippingPlan.Options()
        options.numerics = Numerics(storage: seed % 2 == 0 ? .bf16 : .fp16, lossScale: 1)
        let plan = try ClippingPlan(
            method,
            network: one.network,
            grid: CertifiedGrid(clip: 0.4, dimension: one.network.parameterCount),
            options: options,
            capacity: seed % 4 < 2 ? 5 : 16
        )
        let bound = Int128(try plan.certified().bound)
        for keys in Keys.allCases { try expectWithin(bound, one, plan, count: 21, keys: keys) }
    }

    private func expectWithin(
        _ bound: Int128,
        _ one: RandomNetwork,
        _ plan: ClippingPlan,
        count: Int,
        keys: Keys
    ) throws {
        let common = Array(0..<count)
        let without = sum(one, plan, count: count, special: Special.zero.values(one), order: common, keys: keys)
        var before: [Int64]?
        for special in Special.allCases {
            // It comes first, so that without it every other example moves up by one.
            let values = special.values(one)
            let with = sum(one, plan, count: count, special: values, order: [count] + common, keys: keys)
            let distance = squaredDistance(with, without)
            #expect(distance <= bound * bound, "\(special) beside \(count), keys \(keys)")
            if let before { #expect(squaredDistance(with, before) <= 4 * bound * bound, "\(special) replaced") }
            before = with
        }
    }

    /// An example of NaN contributes nothing: exactly nothing by itself and wherever examples are rounded one by one. In a
    /// leaf, others may be rounded in another order, which changes next to nothing.
    @Test(arguments: certified, 0..<8 as Range<UInt64>)
    func notANumberContributesNothing(method: ClippingMethod, seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        let grid = try CertifiedGrid(clip: 0.5, dimension: one.network.parameterCount)
        let plan = try ClippingPlan(method, network: one.network, grid: grid, capacity: 8)
        let nan = [Float](repeating: .nan, count: one.network.input.count)
        #expect(sum(one, plan, count: 0, special: nan, order: [0], keys: .random).allSatisfy { $0 == 0 })
        let common = Array(0..<30)
        let without = sum(one, plan, count: 30, special: nan, order: common, keys: .random)
        let with = sum(one, plan, count: 30, special: nan, order: [30] + common, keys: .random)
        if plan.leafCapacities.isEmpty {
            #expect(with == without)
        } else {
            #expect(zip(with, without).allSatisfy { abs($0 - $1) <= 2 })
        }
    }

    /// The same integers, whichever width they are added up in.
    @Test(arguments: certified, 0..<4 as Range<UInt64>)
    func widthsAgree(method: ClippingMethod, seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        let grid = try CertifiedGrid(clip: 0.5, dimension: one.network.parameterCount)
        let sums = try [64, 1 << 40].map { examples in
            let plan = try ClippingPlan(method, network: one.network, grid: grid, capacity: 8, examples: examples)
            let order = Array(0..<40)
            return sum(one, plan, count: 40, special: one.example(seed: 1), order: order, keys: .random, workers: 3)
        }
        #expect(sums[0] == sums[1])
        #expect(sums[0].contains { $0 != 0 })
    }

    // MARK: - Power

    /// Clipping to twice the norm would be seen.
    @Test(arguments: certified, 0..<4 as Range<UInt64>)
    func clippingToTwiceTheNormIsSeen(method: ClippingMethod, seed: UInt64) throws {
        let one = try RandomNetwork(seed: seed)
        let dimension = one.network.parameterCount
        let right = try CertifiedGrid(clip: 0.01, dimension: dimension)
        let bound = Int128(try ClippingPlan(method, network: one.network, grid: right).certified().bound)
        let doubled = try CertifiedGrid(fine: 0.02, dimension: dimension, exponent: right.exponent)
        let plan = try ClippingPlan(method, network: one.network, grid: doubled, capacity: 8)
        let values = one.example(seed: 5)
        let without = sum(one, plan, count: 20, special: values, order: Array(0..<20), keys: .random)
        let with = sum(one, plan, count: 20, special: values, order: Array(0...20), keys: .random)
        #expect(squaredDistance(with, without) > bound * bound)
    }

    /// Places whose terms cancel: a gradient of norm 0 made of terms of 1e9, in which the sums of others drown.
    @Test(arguments: [ClippingMethod.ghost, .bookKeeping], [.single] + LowPrecision.all)
    func withoutTheMassCapCancellingTermsAreSeen(method: ClippingMethod, numerics: Numerics) throws {
        let network = try Network(
            name: "places",
            input: Shape([2, 4]),
            classes: 3,
            layers: [.linear(3), .meanOverPlaces]
        )
        let one = FloatExamples(
            features: (0..<20).flatMap { testFloats(8, seed: UInt64($0)) } + [
                1e9, -1e9, 1e9, 1e9, -1e9, 1e9, -1e9, -1e9,
            ],
            featureCount: 8,
            labels: (0..<21).map { Int32($0 % 3) }
        )
        func distance(capped: Bool) throws -> (squared: Int128, bound: Int64?) {
            var options = ClippingPlan.Options()
            options.capsMass = capped
            options.numerics = numerics
            options.inflationLimit = .infinity
            let grid = try CertifiedGrid(clip: 1, dimension: network.parameterCount)
            let plan = try ClippingPlan(method, network: network, grid: grid, options: options, capacity: 32)
            #expect((plan.certificate == nil) == !capped)
            let sums = [Array(0..<20), Array(0..<21)].map { order in
                let summer = GradientSummer(plan, pool: WorkerPool(workers: 1))
                var stream = InsecureScriptedStream(order.map(Keys.random.key))
                summer.take(order, keysFrom: &stream)
                summer.run(of: one, parameters: Buffer(network.initialParameters(seed: 1)))
                return summer.integers
            }
            return (squaredDistance(sums[0], sums[1]), plan.certificate?.bound)
        }
        let capped = try distance(capped: true)
        let bound = Int128(try #require(capped.bound))
        #expect(capped.squared <= bound * bound)
        // Sums example by example, and sums in Float64, leave others alone even then.
        guard numerics == .single else { return }
        #expect(try distance(capped: false).squared > bound * bound)
    }
}
