// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The quick decision of docs/proofs/discrete-gaussian.md, §5, for eight trials at once
/// (`Sources/CKernels/discrete_gaussian.c`).
enum CertainTrials {
    /// Trials of a group.
    static let group = Int(SOTTO_TRIALS)

    /// From this K on the products of a trial do not fit the loop.
    static let multipleLimit: UInt64 = 1 << 32

    /// Runs whole groups of trials on `words` until fewer than a group's words or places are left, or a group has a
    /// trial that needs the integers; that group is left untouched.
    ///
    /// - Parameters:
    ///   - multiple: K, below `multipleLimit`.
    ///   - filled: how many samples of `out` are there; the places after them may be overwritten.
    /// - Returns: how many words were used.
    static func run(
        _ words: Span<UInt64>,
        multiple: UInt64,
        _ out: inout MutableSpan<Int64>,
        _ filled: inout Int
    ) -> Int {
        precondition(multiple >= 1 && multiple < multipleLimit, "the multiple does not fit the loop")
        precondition(filled >= 0 && filled <= out.count, "more samples than places")
        let slots = DiscreteGaussianTable.slots
        precondition(slots.count == 1024, "ten bits name a slot")
        var rest = out._mutatingExtracting(filled...)
        let done = unsafe words.withUnsafeBufferPointer { words in
            unsafe rest.withUnsafeMutableBufferPointer { rest in
                unsafe sotto_certain_trials(
                    words.baseAddress,
                    words.count,
                    slots,
                    multiple,
                    rest.baseAddress,
                    rest.count
                )
            }
        }
        filled += done.samples
        return done.words
    }
}
