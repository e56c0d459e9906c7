// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// Rows that belong to tokens. A token is a float; it is valid where it is whole and in 0..<vocabulary ≤ 2^24.
package enum TokenRows {
    /// Floats of `slots` for so many places: a power of two, at least twice as many.
    package static func slotCount(places: Int) -> Int {
        precondition(places >= 1 && places <= 1 << 24, "places outside of 1...2^24")
        var count = 2
        while count < 2 * places { count *= 2 }
        return count
    }

    /// output[t] = table[tokens[t]]; NaN where the token is not valid.
    ///
    /// - Parameter table: [vocabulary, width].
    package static func take(
        _ tokens: Span<Float>,
        of table: Span<Float>,
        width: Int,
        into output: inout MutableSpan<Float>
    ) {
        precondition(width >= 1 && table.count.isMultiple(of: width) && !table.isEmpty, "the table is not whole rows")
        precondition(!tokens.isEmpty && output.count == tokens.count * width, "sizes differ")
        unsafe tokens.withUnsafeBufferPointer { tokens in
            unsafe table.withUnsafeBufferPointer { table in
                unsafe output.withUnsafeMutableBufferPointer { output in
                    unsafe sotto_embed(
                        tokens.baseAddress!,
                        tokens.count,
                        table.baseAddress!,
                        table.count / width,
                        width,
                        output.baseAddress!
                    )
                }
            }
        }
    }

    /// Links the places of equal tokens, in time that does not depend on the vocabulary.
    ///
    /// - Parameters:
    ///   - ignored: a token that is not linked.
    ///   - links: one a place. Positive at the first place of every valid token, not positive elsewhere; the magnitude is
    ///     the next place with the same token, or the number of places.
    ///   - slots: `slotCount(places:)` floats of scratch.
    package static func link(
        _ tokens: Span<Float>,
        vocabulary: Int,
        ignored: Int?,
        into links: inout MutableSpan<Float>,
        slots: inout MutableSpan<Float>
    ) {
        precondition(!tokens.isEmpty && links.count == tokens.count, "sizes differ")
        precondition(slots.count == slotCount(places: tokens.count), "the wrong number of slots")
        precondition(vocabulary >= 1 && vocabulary <= 1 << 24, "vocabulary outside of 1...2^24")
        unsafe tokens.withUnsafeBufferPointer { tokens in
            unsafe links.withUnsafeMutableBufferPointer { links in
                unsafe slots.withUnsafeMutableBufferPointer { slots in
                    unsafe sotto_link_tokens(
                        tokens.baseAddress!,
                        tokens.count,
                        vocabulary,
                        ignored.map { Float($0) } ?? -1,
                        links.baseAddress!,
                        slots.baseAddress!,
                        slots.count
                    )
                }
            }
        }
    }

    /// sums = the rows at `first` and all places linked from it, added in their order.
    ///
    /// - Parameters:
    ///   - rows: [places, width].
    ///   - links: from `link`, positive at `first`.
    package static func sum(
        _ rows: Span<Float>,
        links: Span<Float>,
        from first: Int,
        into sums: inout MutableSpan<Float>
    ) {
        precondition(rows.count == links.count * sums.count && !sums.isEmpty, "sizes differ")
        precondition(links[first] > 0, "not the first place of a token")
        unsafe rows.withUnsafeBufferPointer { rows in
            unsafe links.withUnsafeBufferPointer { links in
                unsafe sums.withUnsafeMutableBufferPointer { sums in
                    unsafe sotto_sum_linked(
                        rows.baseAddress!,
                        sums.count,
                        links.baseAddress!,
                        links.count,
                        first,
                        sums.baseAddress!
                    )
                }
            }
        }
    }
}
