// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// Reproducible words for values that everybody may know, such as initial weights; never for anything private.
///
/// The keystream of AES-256-CTR under the key SHA-256("sotto public stream" ‖ seed as 8 little-endian bytes), with
/// purpose and worker in the counter block. The same arguments give the same words on every machine and in every version.
package struct PublicStream: ~Copyable, RandomWords {
    private var words: BufferedKeystream

    /// - Parameters:
    ///   - seed: chosen by the user; it is public.
    ///   - worker: the index of the thread that draws, from 0.
    package init(seed: UInt64, purpose: StreamPurpose, worker: Int = 0) {
        let seedBytes = (0..<8).map { UInt8(truncatingIfNeeded: seed >> (8 * $0)) }
        let key = SHA256.hash(Array("sotto public stream".utf8) + seedBytes)
        words = BufferedKeystream(
            key: SecretBytes(copying: key),
            initialCounter: purpose.counterBlock(worker: worker)
        )
    }

    package mutating func next() -> UInt64 {
        words.next()
    }

    package mutating func fill(_ words: inout MutableSpan<UInt64>) {
        self.words.fill(&words)
    }
}
