// SPDX-License-Identifier: Apache-2.0

import Accounting
import Kernels
import TestKit
import Testing
import Training

@Suite struct LeafCertificateTests {
    /// Tests/Fixtures/training/certificates.json: the formula of the proof page in 60 digits.
    private struct Reference: Decodable {
        struct Layer: Decodable {
            let outputs: Int
            let inputs: Int
            let groups: Int
            let places: Int
            let capacity: Int
            let massCap: Double
            let productTerms: Int
            let gramTerms: Int
            let norm: String?
            let precision: String?
            let double: Bool?

            var arithmetic: ProductArithmetic {
                ProductArithmetic(
                    Precision(rawValue: precision?.replacing("-truncated", with: "") ?? "fp32") ?? .fp32,
                    rounding: precision == "tf32-truncated" ? .truncated : .nearest,
                    accumulation: double == true ? .fp64 : .fp32
                )
            }
        }
        struct Case: Decodable {
            let exactCoordinates: Int
            let layers: [Layer]
            let gridExponent: Int
            let clip: Double
            let bound: Int64
            let fixedBound: Int64
            let effectiveClip: Double

            var certificate: LeafCertificate {
                LeafCertificate(
                    exactCoordinates: exactCoordinates,
                    layers: layers.map {
                        LeafLayer(
                            outputs: $0.outputs,
                            inputs: $0.inputs,
                            groups: $0.groups,
                            places: $0.places,
                            massCap: $0.massCap,
                            productTerms: $0.productTerms,
                            gramTerms: $0.gramTerms,
                            norm: $0.norm.map { $0 == "gram" ? .gram : .instantiated },
                            arithmetic: $0.arithmetic
                        )
                    },
                    capacities: layers.map(\.capacity),
                    gridExponent: gridExponent
                )
            }
        }
        let cases: [Case]
    }

    private static let wide = [
        LeafLayer(outputs: 1024, inputs: 784, places: 1),
        LeafLayer(outputs: 1024, inputs: 1024, places: 1),
        LeafLayer(outputs: 10, inputs: 1024, places: 1),
    ]

    @Test func boundsAreThoseOfTheProof() throws {
        let cases = try fixture("training/certificates.json", as: Reference.self).cases
        #expect(cases.count > 40)
        for (number, reference) in cases.enumerated() {
            let certificate = reference.certificate
            let bound = try #require(certificate.bound(clip: reference.clip))
            // Rounded upward; by less than a unit but for the finest grids.
            #expect(bound >= reference.bound && bound <= reference.bound + reference.bound >> 44, "case \(number)")
            let clip = certificate.effectiveClip(bound: reference.fixedBound)
            if reference.effectiveClip > 0 {
                let found = try #require(clip)
                #expect(
                    abs(found / reference.effectiveClip - 1) <= 0x1p-44,
                    "case \(number): \(found) \(reference.effectiveClip)"
                )
                #expect(try #require(certificate.bound(clip: found)) <= reference.fixedBound)
            } else {
                #expect(clip == nil)
            }
        }
    }

    @Test func boundsGrowWithEveryError() throws {
        func bound(_ layer: LeafLayer, capacity: Int = 16) throws -> Int64 {
            let certificate = LeafCertificate(
                exactCoordinates: 100,
                layers: [layer],
                capacities: [capacity],
                gridExponent: 24
            )
            return try #require(certificate.bound(clip: 1))
        }
        let plain = try bound(LeafLayer(outputs: 20, inputs: 30, places: 50))
        #expect(try bound(LeafLayer(outputs: 20, inputs: 30, places: 50), capacity: 17) > plain)
        #expect(try bound(LeafLayer(outputs: 20, inputs: 60, places: 50)) > plain)
        #expect(try bound(LeafLayer(outputs: 20, inputs: 30, places: 51)) > plain)
        #expect(try bound(LeafLayer(outputs: 20, inputs: 30, places: 50, massCap: 17)) > plain)
        #expect(try bound(LeafLayer(outputs: 20, inputs: 30, places: 50, productTerms: 32)) < plain)
        // What is not said is bounded by the worse.
        let gram = try bound(LeafLayer(outputs: 200, inputs: 300, places: 20, norm: .gram))
        let instantiated = try bound(LeafLayer(outputs: 200, inputs: 300, places: 20, norm: .instantiated))
        #expect(try bound(LeafLayer(outputs: 200, inputs: 300, places: 20)) == max(gram, instantiated))
        #expect(instantiated < gram)
    }

    /// reference/maths.md §3.4: 0.85 % at one place and 256 examples, and hardly anything at 32.
    @Test func onePlaceIsCheap() {
        for (capacity, limit) in [(256, 1.0093), (32, 1.0015)] {
            let certificate = LeafCertificate(
                exactCoordinates: 2058,
                layers: Self.wide,
                capacities: [capacity, capacity, capacity],
                gridExponent: 21
            )
            #expect(certificate.inflation(clip: 1) < limit)
            #expect(certificate.inflation(clip: 1) > 1)
        }
    }

    @Test func exactSumsCostTheGridAlone() throws {
        for (dimension, exponent) in [(26_010, 18), (1_000_000, 20), (86_000_000, 24)] {
            let certificate = LeafCertificate(
                exactCoordinates: dimension,
                layers: [],
                capacities: [],
                gridExponent: exponent
            )
            #expect(certificate.inflation(clip: 1) < 1.0006)
            let clip = try #require(certificate.effectiveClip(bound: 1 << Int64(exponent)))
            #expect(clip > 0.9994 && clip < 1)
        }
    }

    @Test func noBoundIsSaid() {
        let layer = LeafLayer(outputs: 10, inputs: 10, places: 1 << 20)
        let hopeless = LeafCertificate(exactCoordinates: 1, layers: [layer], capacities: [256], gridExponent: 20)
        #expect(hopeless.bound(clip: 1) == nil)
        #expect(hopeless.inflation(clip: 1) == .infinity)
        #expect(hopeless.effectiveClip(bound: 1 << 30) == nil)
        #expect(hopeless.certificate(clip: 1, method: "book-keeping", environment: "") == nil)
        let small = LeafCertificate(exactCoordinates: 10_000, layers: [], capacities: [], gridExponent: 20)
        #expect(small.effectiveClip(bound: 50) == nil)
        #expect(small.bound(clip: 0x1p60) == nil)
    }

    @Test func certificateNamesItsProof() throws {
        let certificate = LeafCertificate(
            exactCoordinates: 2058,
            layers: Self.wide,
            capacities: [256, 192, 256],
            gridExponent: 20
        )
        let issued = try #require(certificate.certificate(clip: 1.5, method: "book-keeping", environment: "here"))
        #expect(issued.bound == certificate.bound(clip: 1.5))
        #expect(issued.inflation * 1.5 * 0x1p20 >= Double(issued.bound))
        #expect(issued.dimension == 2058 + 1024 * 784 + 1024 * 1024 + 10240)
        #expect(issued.derivation.contains("docs/proofs/book-keeping.md"))
    }

    @Test func widthsHoldEverySum() {
        let certificate = LeafCertificate(
            exactCoordinates: 9,
            layers: Self.wide,
            capacities: [8, 8, 64],
            gridExponent: 20
        )
        #expect(certificate.width(examples: 2047, bound: 1 << 20) == .narrow)
        #expect(certificate.width(examples: 2048, bound: 1 << 20) == .wide)
        #expect(certificate.width(examples: 1, bound: 1 << 25) == .wide)  // a leaf of 64
        #expect(certificate.width(examples: .max, bound: .max) == .wide)
    }

    @Test func capacitiesStayWithinTheLimit() throws {
        let convolution = LeafLayer(outputs: 16, inputs: 64, places: 196)
        let cut = LeafLayer(outputs: 16, inputs: 64, places: 196, productTerms: 56)
        func inflation(_ layers: [LeafLayer], _ capacities: [Int?], exact: Int) -> Double {
            let chosen = layers.indices.filter { capacities[$0] != nil }
            let other = layers.indices.filter { capacities[$0] == nil }.reduce(exact) { $0 + layers[$1].coordinates }
            return LeafCertificate(
                exactCoordinates: other,
                layers: chosen.map { layers[$0] },
                capacities: chosen.map { capacities[$0]! },
                gridExponent: 20
            ).inflation(clip: 1)
        }
        for layers in [Self.wide, Self.wide + [convolution], Self.wide + [cut], [convolution], [cut, cut], []] {
            let capacities = LeafCertificate.capacities(for: layers, exactCoordinates: 99, clip: 1, gridExponent: 20)
            #expect(inflation(layers, capacities, exact: 99) <= 1.01)
            for index in layers.indices {
                // No single layer could have more.
                var next = capacities
                let more = LeafCertificate.usualCapacities.first { $0 > capacities[index] ?? 0 }
                guard let more else { continue }
                next[index] = more
                #expect(inflation(layers, next, exact: 99) > 1.01)
            }
        }
        let wide = LeafCertificate.capacities(for: Self.wide, exactCoordinates: 99, clip: 1, gridExponent: 20)
        #expect(wide == [256, 256, 256])
        let mixed = LeafCertificate.capacities(
            for: Self.wide + [convolution],
            exactCoordinates: 99,
            clip: 1,
            gridExponent: 20
        )
        #expect(mixed == [256, 256, 256, nil])
    }

    @Test func massCaps() {
        #expect(LeafLayer.massCap(places: 1) == 1)
        #expect(LeafLayer.massCap(places: 2) == 4)
        #expect(LeafLayer.massCap(places: 16) == 8)
        #expect(LeafLayer.massCap(places: 197) == 30)
    }
}

@Suite struct ClipFactorTests {
    /// The sign of a² b² - c², exactly but for the roundings of differences.
    private static func exceeds(_ factor: Float, _ square: Double, _ clip: Double) -> Bool {
        let left = Double(factor) * Double(factor)
        let (product, limit) = (left * square, clip * clip)
        let tails = (-product).addingProduct(left, square) - (-limit).addingProduct(clip, clip)
        return (product - limit) + tails > 0
    }

    @Test func isTheGreatestFactorThatObeys() {
        let clips = [1, 0.1, 3.7, 0x1p-60, 1e10]
        let none: [Double] = []
        for clip in clips {
            let factor = ClipFactor(clip: clip, massCaps: [], gridExponent: 10)
            for x in testFloats(2000, seed: 1, scale: 8) + [1, 0, 1.0000001, 0.9999999] {
                let square = Double(x) * Double(x) * clip * clip * (1 + Double(x) * 1e-9)
                let c = factor.factor(squaredNorm: square, masses: none.span)
                #expect(c <= 1 && !Self.exceeds(c, square, clip))
                #expect(c == 1 || Self.exceeds(c * (1 + 0x1p-21), square, clip))
            }
        }
    }

    @Test func obeysTheMassCaps() {
        let factor = ClipFactor(clip: 2, massCaps: [1, 8], gridExponent: 0)
        #expect(factor.factor(squaredNorm: 0, masses: [1, 1].span) == 1)
        let cases: [([Double], Float)] = [([4, 1], 0.5), ([1, 64], 0.25), ([4, 64], 0.25), ([4, 16], 0.5)]
        for (masses, cap) in cases {
            let c = factor.factor(squaredNorm: 1, masses: masses.span)
            #expect(c <= cap && c > cap * (1 - 0x1p-22))
        }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, -1]) func nonFiniteIsZeroed(value: Double) {
        let factor = ClipFactor(clip: 1, massCaps: [1, 2], gridExponent: 0)
        #expect(factor.factor(squaredNorm: value, masses: [0, 0].span) == 0)
        #expect(factor.factor(squaredNorm: 1, masses: [value, 0].span) == 0)
        #expect(factor.factor(squaredNorm: 1, masses: [0, value].span) == 0)
        #expect(factor.factor(squaredNorm: 1e300, masses: [0, 0].span) == 0)
    }

    @Test func scalesAreExact() {
        for exponent in [-60, -1, 0, 24, 100] {
            let factor = ClipFactor(clip: 1, massCaps: [], gridExponent: exponent)
            for c in [ClipFactor.smallest, 1, 0.3, 0x1.fffffep-20] as [Float] {
                #expect(Double(factor.scale(c)) == Double(c) * Double(sign: .plus, exponent: exponent, significand: 1))
            }
        }
    }
}
