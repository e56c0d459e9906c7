// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The part of self-attention between its products, for one head of one example.
package enum Attention {
    /// scores[t] = softmax(scale · scores[t]) in place, row by row, [places, places].
    ///
    /// A row with a NaN or +infinity among what counts becomes NaN there.
    ///
    /// - Parameters:
    ///   - scale: positive.
    ///   - isCausal: whether row t is made of its first t + 1 elements only, and is zero after them.
    package static func softmax(_ scores: inout MutableSpan<Float>, places: Int, scale: Float, isCausal: Bool) {
        precondition(places > 0 && scores.count == places * places, "sizes differ")
        unsafe scores.withUnsafeMutableBufferPointer { scores in
            unsafe sotto_attention_softmax(scores.baseAddress!, places, scale, isCausal ? 1 : 0)
        }
    }

    /// The gradient by the scores from the gradient by `probabilities`, the result of `softmax`, in place.
    package static func softmaxBackward(
        probabilities: Span<Float>,
        gradient: inout MutableSpan<Float>,
        places: Int,
        scale: Float,
        isCausal: Bool
    ) {
        let count = places * places
        precondition(places > 0 && probabilities.count == count && gradient.count == count, "sizes differ")
        unsafe probabilities.withUnsafeBufferPointer { probabilities in
            unsafe gradient.withUnsafeMutableBufferPointer { gradient in
                unsafe sotto_attention_softmax_backward(
                    probabilities.baseAddress!,
                    gradient.baseAddress!,
                    places,
                    scale,
                    isCausal ? 1 : 0
                )
            }
        }
    }
}
