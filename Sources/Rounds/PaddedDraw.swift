// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How many examples' work a device does in a round, however many it draws, so that the time at which its update leaves does
/// not tell the size of the draw.
///
/// **What it costs.** Let a device hold n examples, each drawn with probability q, and let its work be that of s examples, or of
/// the whole draw where that is larger. Two neighbouring data sets differ in one example x. Let A be the event that of the
/// *other* n - 1 examples s or more are drawn in some round: it depends on the others' coins alone, so it has the same
/// probability with and without x, and outside of it no draw is larger than s in either world, and the time is the same. The
/// guarantee by sampling holds for every fixed draw of the others (it is proved for the worst one), hence also on the
/// complement of A: P(M(D) in S) ≤ P(A) + P(M(D) in S, not A) ≤ P(A) + e^ε P(M(D') in S) + δ. So δ grows by P(A), without a
/// factor e^ε, and by the union bound P(A) is at most the number of rounds times P(Bin(n - 1, q) ≥ s).
///
/// **The bound.** For s ≥ n·q, P(Bin(n, q) ≥ s) ≤ exp(-n·KL(s/n ‖ q)) with KL(p ‖ q) = p ln(p/q) + (1-p) ln((1-p)/(1-q))
/// (Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58 (1963), Theorem 1). The tail grows with
/// n, so that n stands for n - 1. The exponent grows with s, which makes the least s easy to find. Where s is n nothing larger
/// can be drawn.
///
/// **What time still tells.** The work depends on n. It is planned for n rounded up to three binary digits, which is all that
/// even an exact measurement of it would tell about n; claims name this as an assumption.
package enum PaddedDraw {
    /// A bound of the probability that one draw is larger than its padded size, not counting any one example; the same for all
    /// devices, plans and rounds, so that everybody who itemises a δ gets the same item.
    package static let largerDraw = 0x1p-64

    /// Natural logarithm of 1 / ``largerDraw``, and more than what rounding takes of the exponent below.
    private static let exponent = 64 * 0.693_147_180_559_945_4 + 1e-3

    /// The examples whose work a device with `count` examples does at sampling rate `rate`: at least the mean of its draw and eight
    /// standard deviations, and as many as ``largerDraw`` asks for; never more than it could draw.
    ///
    /// - Parameters:
    ///   - count: 0...2^53.
    ///   - rate: in (0, 1].
    package static func slots(examples count: Int, rate: Double) -> Int {
        precondition(count >= 0 && count <= 1 << 53 && rate > 0 && rate <= 1, "a device's examples and a rate")
        let examples = roundedUp(count)
        guard rate < 1, examples > 0 else { return examples }
        let mean = Double(examples) * rate
        let usual = (mean + 8 * (mean * (1 - rate)).squareRoot()).rounded(.up)
        guard usual < Double(examples) else { return examples }
        var (low, high) = (Int(usual), examples)
        while low < high {
            let middle = low + (high - low) / 2
            if tailExponent(examples, rate, from: middle) >= exponent { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The least number of three significant binary digits that is not below `count`.
    package static func roundedUp(_ count: Int) -> Int {
        let dropped = max(0, Int.bitWidth - count.leadingZeroBitCount - 3)
        return ((count + (1 << dropped) - 1) >> dropped) << dropped
    }

    /// n·KL(s/n ‖ q), for n·q < s < n.
    private static func tailExponent(_ count: Int, _ rate: Double, from slots: Int) -> Double {
        let (n, s) = (Double(count), Double(slots))
        let above = s - n * rate
        // p/q = 1 + above/(nq) and (1-p)/(1-q) = 1 - above/(n(1-q)); log1p keeps what their difference from 1 is.
        return s * log1p(above / (n * rate)) + (n - s) * log1p(-above / (n * (1 - rate)))
    }
}
