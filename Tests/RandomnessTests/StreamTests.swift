// SPDX-License-Identifier: Apache-2.0

import Randomness
import TestKit
import Testing

@Suite struct StreamTests {
    /// Words of AES-256-CTR computed by the Python package cryptography 48.0.0, at the ends of the buffer too.
    @Test(
        arguments: [
            (
                0, StreamPurpose.initialisation, 0,
                [0xb753_6e7a_8584_c92b, 0x457a_6444_8ac0_8927, 0x929c_0d22_bffe_d535],
                [0x6fad_e429_4e7a_0c90, 0x10fe_c42e_611c_fc0a, 0xa38c_935e_8c8e_dde3]
            ),
            (
                0x0123_4567_89ab_cdef, StreamPurpose.test, 3,
                [0xedc7_1e19_abda_7008, 0x2d80_1791_16c2_1985, 0xbdc1_2482_7737_c61a],
                [0xa91e_3747_2146_4ef8, 0xb995_e7bc_cc21_d425, 0xa172_5c9e_3a61_8ade]
            ),
        ] as [(UInt64, StreamPurpose, Int, [UInt64], [UInt64])]
    )
    func publicWords(seed: UInt64, purpose: StreamPurpose, worker: Int, first: [UInt64], later: [UInt64]) {
        var stream = PublicStream(seed: seed, purpose: purpose, worker: worker)
        let words = (0..<10_000).map { _ in stream.next() }
        #expect(Array(words[..<3]) == first)
        #expect([words[4095], words[4096], words[9999]] == later)
    }

    /// However a stream is read, it is the same stream.
    @Test func anyMixtureOfReadsGivesTheSameWords() {
        let expected = words(of: PublicStream(seed: 9, purpose: .test), inPiecesOf: [20_000])
        #expect(words(of: PublicStream(seed: 9, purpose: .test), inPiecesOf: [1]) == expected)
        #expect(words(of: PublicStream(seed: 9, purpose: .test), inPiecesOf: [1, 4095, 511, 512, 513, 3]) == expected)
        #expect(words(of: PublicStream(seed: 9, purpose: .test), inPiecesOf: [4096, 0, 7]) == expected)
    }

    private func words(of stream: consuming PublicStream, inPiecesOf lengths: [Int]) -> [UInt64] {
        var words: [UInt64] = []
        var turn = 0
        while words.count < 20_000 {
            let length = min(lengths[turn % lengths.count], 20_000 - words.count)
            turn += 1
            if length == 1 {
                words.append(stream.next())
            } else {
                var piece = [UInt64](repeating: 0, count: length)
                var span = piece.mutableSpan
                stream.fill(&span)
                words += piece
            }
        }
        return words
    }

    @Test func purposesWorkersAndSeedsAreDifferentStreams() {
        var firsts: Set<UInt64> = []
        for purpose in StreamPurpose.allCases {
            for worker in 0..<4 {
                for seed in [0, 1] as [UInt64] {
                    var stream = PublicStream(seed: seed, purpose: purpose, worker: worker)
                    firsts.insert(stream.next())
                }
            }
        }
        #expect(firsts.count == StreamPurpose.allCases.count * 8)
    }

    @Test func secretStreamsNeverShareWords() {
        var seen: Set<UInt64> = []
        for _ in 0..<50 {
            var stream = SecretStream(.noise)
            for _ in 0..<100 {
                seen.insert(stream.next())
            }
        }
        #expect(seen.count == 5000)
    }

    /// Every bit position is fair.
    @Test func secretBitsAreFair() {
        var stream = SecretStream(.test)
        let count = 20_000
        var ones = [Int](repeating: 0, count: 64)
        for _ in 0..<count {
            let word = stream.next()
            for bit in 0..<64 {
                ones[bit] += Int(word >> bit & 1)
            }
        }
        let bound = Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / 128)
        for bit in 0..<64 {
            let score = (Double(ones[bit]) - Double(count) / 2) / (Double(count) / 4).squareRoot()
            #expect(abs(score) < bound, "bit \(bit)")
        }
    }
}
