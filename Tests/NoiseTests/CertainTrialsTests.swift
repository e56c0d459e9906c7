// SPDX-License-Identifier: Apache-2.0

import CKernels
import Noise
import Randomness
import Testing

/// Trials in groups of eight: the same samples from the same words as one by one, and at every processor level.
@Suite struct CertainTrialsTests {
    static let multiples: [UInt64] = [1, 2, 3, 64, 16384, 1 << 31, 1 << 32 - 1, 1 << 32, 1 << 34]
    static let group = Int(SOTTO_TRIALS)

    /// Groups, pieces that are too short for a group, and integers alone.
    @Test(arguments: multiples, [1, 2, 8, 100] as [UInt64])
    func waysOfDrawingAgree(multiple: UInt64, rarity: UInt64) throws {
        let noise = try DiscreteGaussian(multiple: multiple)
        var adversary = AdversarialWords(multiple: multiple, seed: multiple ^ rarity)
        let words = adversary.trials(4000, rarity: rarity) + [UInt64](repeating: 1 << 60, count: 8000)
        let count = 4000

        var groups = InsecureScriptedStream(words)
        let samples = filled(noise, count, &groups)
        var pieces = InsecureScriptedStream(words)
        var joined: [Int64] = []
        while joined.count < count {
            joined += filled(noise, min(Self.group - 1, count - joined.count), &pieces)
        }
        var integers = InsecureScriptedStream(words)
        let exact = (0..<count).map { _ in noise.exactSample(from: &integers) }

        #expect(samples == exact)
        #expect(joined == exact)
        #expect(groups.drawn == integers.drawn)
        #expect(pieces.drawn == integers.drawn)
    }

    /// A short block stops groups at other trials; it changes speed alone, even where it holds nothing.
    @Test(arguments: [0, 1, 2, 15, 16, 17, 31, 40])
    func lengthOfTheBlock(capacity: Int) throws {
        let noise = try DiscreteGaussian(multiple: 64)
        var whole = InsecureTestStream(seed: 7)
        let expected = filled(noise, 3000, &whole)
        var stream = InsecureTestStream(seed: 7)
        var block = WordBlock(capacity: capacity)
        var samples = [Int64](repeating: 0, count: 3000)
        var span = samples.mutableSpan
        noise.fill(&span, from: &stream, by: &block)
        #expect(samples == expected)
        #expect(stream.drawn == whole.drawn)
    }

    /// One trial of some kind in one lane: a group goes through with what is certain, and is left where one is not.
    @Test(arguments: [64, 15625, 1 << 31, 1 << 32 - 1] as [UInt64], 0..<group)
    func oneTrialOfEveryKind(multiple: UInt64, lane: Int) throws {
        let noise = try DiscreteGaussian(multiple: multiple)
        var adversary = AdversarialWords(multiple: multiple, seed: UInt64(lane))
        for kind in AdversarialWords.Kind.allCases {
            var words: [UInt64] = []
            for index in 0..<Self.group {
                words += adversary.trial(index == lane ? kind : .ordinary)
            }
            let certain = Array(words.prefix(2 * Self.group))
            let samples = run(certain, multiple)
            #expect(samples == run(certain, multiple, portable: true))
            switch kind {
            case .ordinary: #expect(samples?.count == Self.group)
            case .negativeZero, .rejected: #expect(samples?.count == Self.group - 1)
            case .tableTie, .betweenBounds: #expect(samples == nil, "\(kind)")
            case .lastFractions: #expect(samples == nil || multiple.nonzeroBitCount == 1)
            case .besideAcceptance: break
            }
            guard let samples else { continue }
            var stream = InsecureScriptedStream(certain)
            #expect(samples == samples.map { _ in noise.exactSample(from: &stream) }, "\(kind)")
        }
    }

    /// The level picked here and the baseline level, with every trial in every lane.
    @Test(arguments: multiples.filter { $0 < 1 << 32 }, [1, 8, 100] as [UInt64])
    func levelsAgree(multiple: UInt64, rarity: UInt64) {
        var adversary = AdversarialWords(multiple: multiple, seed: rarity)
        let words = adversary.trials(2000, rarity: rarity)
        for start in stride(from: 0, through: words.count - 2 * Self.group, by: 2) {
            let group = Array(words[start..<start + 2 * Self.group])
            #expect(run(group, multiple) == run(group, multiple, portable: true))
        }
    }

    /// No group where one does not fit: nothing is read or written.
    @Test func tooShort() {
        let words = [UInt64](repeating: 0, count: 16)
        var out = [Int64](repeating: 5, count: 8)
        for (wordCount, places) in [(15, 8), (16, 7), (0, 0)] {
            let done = unsafe sotto_certain_trials(words, wordCount, DiscreteGaussianTable.slots, 64, &out, places)
            #expect(done.words == 0 && done.samples == 0)
        }
        #expect(out == [Int64](repeating: 5, count: 8))
    }

    /// The samples of one group, or nil where it was left.
    private func run(_ words: [UInt64], _ multiple: UInt64, portable: Bool = false) -> [Int64]? {
        var out = [Int64](repeating: 0, count: Self.group)
        let (slots, places) = (DiscreteGaussianTable.slots, out.count)
        let done =
            if portable {
                unsafe sotto_certain_trials_portable(words, words.count, slots, multiple, &out, places)
            } else {
                unsafe sotto_certain_trials(words, words.count, slots, multiple, &out, places)
            }
        guard done.words > 0 else { return nil }
        return Array(out.prefix(done.samples))
    }
}
