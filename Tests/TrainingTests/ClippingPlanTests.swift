// SPDX-License-Identifier: Apache-2.0

import Accounting
import Networks
import Testing
import Training

@Suite struct ClippingPlanTests {
    /// A weight of a known network, and what mixed ghost clipping does with it.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let input: [Int]
        let layer: Layer
        let places: Int
        let instantiate: Int
        let ghost: Int
        let norm: ClippingPlan.NormPath

        var testDescription: String { name }

        init(
            _ name: String,
            _ input: [Int],
            _ layer: Layer,
            places: Int,
            instantiate: Int,
            ghost: Int,
            _ norm: ClippingPlan.NormPath
        ) {
            self.name = name
            self.input = input
            self.layer = layer
            self.places = places
            self.instantiate = instantiate
            self.ghost = ghost
            self.norm = norm
        }

        static func convolution(
            _ name: String,
            _ input: [Int],
            _ outputs: Int,
            instantiate: Int,
            ghost: Int,
            _ norm: ClippingPlan.NormPath
        ) -> Row {
            let layer = Layer.convolution(outputs, kernel: 3, padding: 1)
            return Row(name, input, layer, places: input[1] * input[2], instantiate: instantiate, ghost: ghost, norm)
        }
    }

    /// The decisions of private_vision and FastDP, by their rule 2T² ≤ pD.
    static let rows = [
        Row(
            "MNIST conv1",
            [1, 28, 28],
            .convolution(16, kernel: 8, stride: 2, padding: 3),
            places: 196,
            instantiate: 1024,
            ghost: 76_832,
            .instantiate
        ),
        Row(
            "MNIST conv2",
            [16, 13, 13],
            .convolution(32, kernel: 4, stride: 2),
            places: 25,
            instantiate: 8192,
            ghost: 1250,
            .gram
        ),
        Row("MNIST fc 512→32", [512], .linear(32), places: 1, instantiate: 16_384, ghost: 2, .gram),
        Row("MNIST fc 32→10", [32], .linear(10), places: 1, instantiate: 320, ghost: 2, .gram),
        .convolution("CIFAR c1", [3, 32, 32], 32, instantiate: 864, ghost: 2_097_152, .instantiate),
        .convolution("CIFAR c2", [32, 32, 32], 32, instantiate: 9216, ghost: 2_097_152, .instantiate),
        .convolution("CIFAR c3", [32, 16, 16], 64, instantiate: 18_432, ghost: 131_072, .instantiate),
        .convolution("CIFAR c4", [64, 16, 16], 64, instantiate: 36_864, ghost: 131_072, .instantiate),
        .convolution("CIFAR c5", [64, 8, 8], 128, instantiate: 73_728, ghost: 8192, .gram),
        .convolution("CIFAR c6", [128, 8, 8], 128, instantiate: 147_456, ghost: 8192, .gram),
        .convolution("VGG conv1", [3, 224, 224], 64, instantiate: 1728, ghost: 5_035_261_952, .instantiate),
        .convolution("VGG conv5_3", [512, 14, 14], 512, instantiate: 2_359_296, ghost: 76_832, .gram),
        .convolution("ResNet18 layer4", [512, 7, 7], 512, instantiate: 2_359_296, ghost: 4802, .gram),
        Row("ViT-B qkv", [197, 768], .linear(2304), places: 197, instantiate: 1_769_472, ghost: 77_618, .gram),
        Row("GPT-2 c_fc", [100, 768], .linear(3072), places: 100, instantiate: 2_359_296, ghost: 20_000, .gram),
        Row("equal", [4, 8], .linear(4), places: 4, instantiate: 32, ghost: 32, .gram),
        Row("one place more", [5, 8], .linear(6), places: 5, instantiate: 48, ghost: 50, .instantiate),
    ]

    private static func plan(_ method: ClippingMethod, _ network: Network, capsMass: Bool = true) throws -> ClippingPlan
    {
        var options = ClippingPlan.Options()
        options.capsMass = capsMass
        let grid = try CertifiedGrid(clip: 1, dimension: network.parameterCount)
        return try ClippingPlan(method, network: network, grid: grid, options: options, capacity: 8)
    }

    @Test(arguments: rows)
    func mixedGhostDecidesByTheRule(row: Row) throws {
        let end: [Layer] = row.input.count == 3 ? [.adaptiveAveragePooling(height: 1, width: 1), .flatten] : [.flatten]
        let network = try Network(
            name: row.name,
            input: Shape(row.input),
            classes: 2,
            layers: [row.layer] + end + [.linear(2)]
        )
        for method in [ClippingMethod.mixedGhost, .bookKeepingMix] {
            // Nothing is computed: whether such a plan would be certified is not the question.
            let plan = try Self.plan(method, network, capsMass: false)
            let weight = try #require(plan.weights.first)
            #expect(weight.shape.places == row.places)
            #expect(weight.norm == row.norm)
            let described = LayerPlan(weight, in: plan)
            #expect(described.ghostCost == row.ghost)
            #expect(described.instantiateCost == row.instantiate)
        }
    }

    /// Groups have a matrix each, and the rule is about one of them.
    @Test func groupsCountOnce() throws {
        let layers: [Layer] = [.convolution(64, kernel: 3, padding: 1, groups: 8), .flatten, .linear(2)]
        let network = try Network(name: "groups", input: Shape([64, 4, 4]), classes: 2, layers: layers)
        let weight = try #require(Self.plan(.mixedGhost, network).weights.first)
        #expect(weight.shape.groups == 8)
        #expect(LayerPlan(weight, in: try Self.plan(.mixedGhost, network)).instantiateCost == 8 * 72)
        #expect(weight.norm == .gram)
    }

    @Test func schedules() throws {
        let network = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
        let expected: [(ClippingMethod, Schedule.Kind)] = [
            (.none, .streamed), (.exact, .kept), (.ghost, .recomputed), (.mixedGhost, .recomputed),
            (.bookKeeping, .kept), (.bookKeepingMix, .kept), (.perLayer, .streamed),
        ]
        for (method, schedule) in expected { #expect(try Self.plan(method, network).schedule == schedule) }
    }

    /// Every method but `none` has a certificate for its grid; errors add at most a percent to the clip norm.
    @Test(arguments: Network.presets)
    func everyMethodIsCertified(preset: String) throws {
        let network = try Network.preset(preset, input: try #require(Network.usualInput(preset)), classes: 10)
        for method in ClippingMethod.allCases where method != .none {
            let plan = try Self.plan(method, network)
            let certificate = try plan.certified()
            #expect(certificate.method == method.rawValue)
            #expect(certificate.dimension == network.parameterCount)
            #expect(certificate.gridExponent == plan.grid.exponent)
            #expect(certificate.bound >= plan.grid.bound)
            if method == .auto || method == .perExample || method == .exact { #expect(certificate.inflation <= 1.011) }
        }
    }

    /// A plan may fix the bound: then the clip norm gives way.
    @Test(arguments: [ClippingMethod.exact, .bookKeeping, .perLayer, .auto])
    func boundIsKept(method: ClippingMethod) throws {
        let network = try Network.preset("mlp", input: Shape([1, 28, 28]), classes: 10)
        var options = ClippingPlan.Options()
        options.keepsBound = true
        let grid = try CertifiedGrid(clip: 1, dimension: network.parameterCount)
        let plan = try ClippingPlan(method, network: network, grid: grid, options: options)
        #expect(try plan.certified().bound <= grid.bound)
        #expect(plan.clip < 1 && plan.clip > 0.98)
    }

    @Test func withoutTheMassCapThereIsNoCertificate() throws {
        let network = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
        for method in [ClippingMethod.ghost, .mixedGhost, .bookKeeping, .bookKeepingMix, .perLayer] {
            let plan = try Self.plan(method, network, capsMass: false)
            #expect(plan.certificate == nil)
            #expect(throws: TrainingError.self) { try plan.certified() }
        }
        // Nothing of these rests on a cap.
        for method in [ClippingMethod.perExample, .exact] {
            #expect(throws: Never.self) { try Self.plan(method, network, capsMass: false).certified() }
        }
        #expect(throws: TrainingError.self) { try Self.plan(.none, network).certified() }
    }

    @Test func trainingWithoutClippingIsRefused() throws {
        let network = try Network.preset("logistic", input: Shape([8, 8]), classes: 10)
        let configuration = CentralConfiguration(
            network: network,
            clip: 1,
            noise: .multiplier(1),
            method: .none,
            batch: 10,
            epochs: 1,
            learningRate: 1,
            delta: 1e-5
        )
        #expect(
            throws: TrainingError.notCertified(method: "none", reason: "nothing is clipped; it is not private")
        ) {
            try CentralPlan(configuration, examples: 100)
        }
    }
}
