// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// Random words that nobody else knows: the keystream of AES-256-CTR under a 256-bit key that the operating system gave
/// to this value alone.
///
/// Two values never share a word: not after a restart or a resume (keys are never stored), not between workers, and not
/// after `fork`, where the child's copy takes a fresh key before its first draw (`ForkGeneration`). Key schedule and
/// buffered words are erased when the value ends. With such a stream a privacy guarantee is computational: it holds
/// against whoever cannot tell AES-256 from a random permutation.
package struct SecretStream: ~Copyable, RandomWords {
    private var words: BufferedKeystream
    private var generation: UInt64
    private let initialCounter: [UInt8]

    /// A fresh stream. Purpose and worker stand in the counter block, so that even one key twice would give two streams.
    ///
    /// - Parameter worker: the index of the thread that draws, from 0.
    package init(_ purpose: StreamPurpose, worker: Int = 0) {
        ForkGeneration.register()
        generation = ForkGeneration.current
        initialCounter = purpose.counterBlock(worker: worker)
        words = BufferedKeystream(key: .random(count: Keystream.keyLength), initialCounter: initialCounter)
    }

    package mutating func next() -> UInt64 {
        if generation != ForkGeneration.current { rekey() }
        return words.next()
    }

    package mutating func fill(_ words: inout MutableSpan<UInt64>) {
        if generation != ForkGeneration.current { rekey() }
        self.words.fill(&words)
    }

    private mutating func rekey() {
        generation = ForkGeneration.current
        words.restart(key: .random(count: Keystream.keyLength), initialCounter: initialCounter)
    }
}
