// SPDX-License-Identifier: Apache-2.0

import Noise
import Randomness
import TestKit
import Testing

/// The sampler, bit by bit, against models in Python with 80 digits (Tests/Fixtures/noise/README.md).
@Suite struct DiscreteGaussianGoldenTests {
    private struct Golden: Decodable {
        struct Vector: Decodable {
            let seed: String
            let out: [Int64]
            let words_used: Int
        }

        struct Digest: Decodable {
            let seed: String
            let count: Int
            let sha256_le_int64: String
            let words_used: Int
        }

        struct Crafted: Decodable {
            let kind: String
            let K: UInt64
            let words: [String]
            let out: Int64
            let used: Int
        }

        let vectors: [String: Vector]
        let digests: [String: Digest]
        let crafted: [Crafted]
    }

    private struct Boundary: Decodable {
        let multiple: UInt64
        let words: [String]
        let sample: Int64
    }

    private func word(_ text: String) throws -> UInt64 {
        try #require(UInt64(text.dropFirst(2), radix: 16))
    }

    private func golden() throws -> Golden {
        try fixture("noise/sampler_vectors.json", as: Golden.self)
    }

    @Test func samples() throws {
        for (multiple, vector) in try golden().vectors {
            let noise = try DiscreteGaussian(multiple: #require(UInt64(multiple)))
            var stream = try InsecureTestStream(seed: word(vector.seed))
            #expect(filled(noise, vector.out.count, &stream) == vector.out, "K = \(multiple)")
            #expect(stream.drawn == vector.words_used, "K = \(multiple)")
        }
    }

    @Test func digests() throws {
        for (multiple, digest) in try golden().digests {
            let noise = try DiscreteGaussian(multiple: #require(UInt64(multiple)))
            var stream = try InsecureTestStream(seed: word(digest.seed))
            let samples = filled(noise, digest.count, &stream)
            let bytes = samples.flatMap { sample in (0..<8).map { UInt8(truncatingIfNeeded: sample >> (8 * $0)) } }
            #expect(sha256Hex(bytes) == digest.sha256_le_int64, "K = \(multiple)")
            #expect(stream.drawn == digest.words_used, "K = \(multiple)")
        }
    }

    @Test func rareDecisions() throws {
        for vector in try golden().crafted {
            let noise = try DiscreteGaussian(multiple: vector.K)
            var stream = try InsecureScriptedStream(vector.words.map(word))
            #expect(filled(noise, 1, &stream) == [vector.out], "\(vector.kind)")
            #expect(stream.drawn == vector.used, "\(vector.kind)")
        }
    }

    @Test func decisionsBesideTheThreshold() throws {
        for (index, vector) in try fixture("noise/boundary_vectors.json", as: [Boundary].self).enumerated() {
            let noise = try DiscreteGaussian(multiple: vector.multiple)
            var stream = try InsecureScriptedStream(vector.words.map(word))
            #expect(filled(noise, 1, &stream) == [vector.sample], "vector \(index)")
            #expect(stream.drawn == vector.words.count, "vector \(index)")
        }
    }

    /// The quick decisions change nothing, and neither do the lengths of the calls.
    @Test(arguments: [1, 2, 3, 1000, 15625, 1 << 20, 1 << 34] as [UInt64])
    func anyWayOfDrawingGivesTheSameSamples(multiple: UInt64) throws {
        let noise = try DiscreteGaussian(multiple: multiple)
        var whole = InsecureTestStream(seed: multiple)
        let expected = filled(noise, 200_000, &whole)

        var single = InsecureTestStream(seed: multiple)
        let exact = (0..<200_000).map { _ in noise.exactSample(from: &single) }
        #expect(exact == expected)
        #expect(single.drawn == whole.drawn)

        var pieces = InsecureTestStream(seed: multiple)
        var joined: [Int64] = []
        for length in [0, 1, 2, 2047, 2048, 2049, 5000] {
            joined += filled(noise, length, &pieces)
        }
        #expect(joined == Array(expected[..<joined.count]))
    }

    @Test func multiplesOutsideTheRange() throws {
        #expect(throws: NoiseError.multipleOutOfRange(0)) { _ = try DiscreteGaussian(multiple: 0) }
        #expect(throws: NoiseError.multipleOutOfRange(1 << 34 + 1)) { _ = try DiscreteGaussian(multiple: 1 << 34 + 1) }
        let noise = try DiscreteGaussian(multiple: 1 << 34)
        #expect(noise.standardDeviation == 0x1p40)
        #expect(noise.variance == 0x1p80)
    }

    /// 2⁻¹¹⁷ + K·2⁻¹²⁶, never rounded down.
    @Test(arguments: [(1, -116.99718), (512, -116.0), (1 << 24, -101.99995), (1 << 34, -91.99999995)])
    func distance(multiple: UInt64, expected: Double) throws {
        let distance = try DiscreteGaussian(multiple: multiple).samplerDistanceLog2
        #expect(abs(distance - expected) < 2e-5)
        #expect(multiple != 512 || distance >= -116)
    }
}
