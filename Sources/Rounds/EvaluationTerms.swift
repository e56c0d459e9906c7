// SPDX-License-Identifier: Apache-2.0

package import Accounting

/// What decides the privacy of evaluation rounds: how well a model does on examples that clients hold out, told with noise.
///
/// **Release.** Every held-out example of every member flips its own coin with ``samplingRate``. A drawn one contributes
/// ``contribution(loss:correct:of:)``: with U = ``scale``, the integers (2U, U·(2c - 1), x), where c is 1 for a right answer
/// and 0 for a wrong one, and x = U·(2·min(loss, L)/L - 1), rounded. Sums are taken over all drawn examples of all members.
///
/// **Bound.** The second and the third integer are within -U...U, so that the L2 norm of a contribution is at most
/// sqrt(4 + 1 + 1)·U = sqrt(6)·U, which ``scale`` keeps at or below ``bound``. A loss that is no number counts as L and a
/// wrong answer, so the bound holds for every input. Adding or removing one example changes the sum by its contribution.
/// Answers and losses are counted from the middle of their range, not from 0, because that makes the norm smaller than
/// sqrt(3)·2U, and with it the noise, at the same ε; nothing is lost, since the number of examples is in the sum.
///
/// **Mechanism.** Each member adds a share of the discrete Gaussian with standard deviation 64 · ``noiseMultiple`` to each of
/// the three sums, drawn by the same sampler as that of training updates; the noise that is relied on is that of the fewest
/// survivors less the colluders.
///
/// **Ring.** Sums are taken modulo 2^``ringBits``, which costs nothing for three numbers. A contribution is below 2^30, so
/// that 2^30 drawn examples stay below 2^60; the noise of 100,000 members at the largest ``noiseMultiple`` has a standard
/// deviation below 2^48.4, and 2^60 is more than 2,000 of them. Nothing wraps around at any plan.
package struct EvaluationTerms: Hashable, Sendable {
    /// Probability with which every held-out example of every member takes part in an evaluation round, 2^-32...1.
    package let samplingRate: Double
    /// L: a larger loss counts as this, in nats.
    package let lossBound: Double
    /// L2 bound of one example's contribution, in integer steps.
    package let bound: Int64
    /// Each noise share has the standard deviation 64 · noiseMultiple steps.
    package let noiseMultiple: UInt64

    package init(samplingRate: Double, lossBound: Double, bound: Int64, noiseMultiple: UInt64) {
        self.samplingRate = samplingRate
        self.lossBound = lossBound
        self.bound = bound
        self.noiseMultiple = noiseMultiple
    }

    /// The integers of a release: examples, right answers, losses.
    package static let coordinates = 3
    package static let ringBits = 62

    /// The bound that plans are made with; noise decides how much of it is used.
    package static let largestBound: Int64 = 1 << 20
    /// What a loss bound may be.
    package static let lossBoundRange = 0x1p-20...0x1p20

    /// U: the greatest whole number with 6·U² ≤ bound².
    package var scale: Int64 {
        let square = bound * bound
        var (low, high): (Int64, Int64) = (0, bound)
        while low < high {
            let middle = low + (high - low + 1) / 2
            if 6 * middle * middle <= square { low = middle } else { high = middle - 1 }
        }
        return low
    }

    /// What one drawn example adds to the sums: its L2 norm is at most ``bound``, whatever it is given.
    ///
    /// - Parameters:
    ///   - loss: in nats; what is no number counts as ``lossBound``.
    ///   - correct: right answers, of `labels`.
    ///   - labels: answers that the example asks for, at least 1; with fewer it counts as wrong.
    package func contribution(loss: Double, correct: Int, of labels: Int) -> [Int64] {
        let scale = scale
        // Where an example asks for several answers, the share of right ones counts.
        let share = labels > 0 ? Double(min(max(correct, 0), labels)) / Double(labels) : 0
        let clipped = loss.isNaN ? lossBound : min(max(loss, 0), lossBound)
        return [2 * scale, Self.centred(share, scale), Self.centred(clipped / lossBound, scale)]
    }

    /// scale · (2·share - 1) as a whole number, within -scale...scale. A share that is no number counts as 1.
    private static func centred(_ share: Double, _ scale: Int64) -> Int64 {
        guard share < 1 else { return scale }
        return min(max(Int64((Double(scale) * (2 * share - 1)).rounded()), -scale), scale)
    }

    /// The certificate of the bound.
    package var certificate: SensitivityCertificate {
        SensitivityCertificate(
            method: "held-out-metrics",
            bound: bound,
            gridExponent: 0,
            dimension: Self.coordinates,
            inflation: max(1, Double(bound) / (Double(scale) * 6.0.squareRoot())),
            derivation: "an example adds (2U, U(2c - 1), U(2 min(loss, L)/L - 1)), U = \(scale), norm at most sqrt(6) U"
        )
    }
}

/// What an evaluation round told: estimates with the standard errors that the noise gives them.
package struct HeldOutMetrics: Hashable, Sendable, Codable {
    /// The drawn examples of all members, as far as the noise lets it be told; may be negative.
    package let count: Double
    package let countError: Double
    /// The share of right answers, in 0...1; `nil` where there are not enough examples to tell.
    package let accuracy: Double?
    package let accuracyError: Double?
    /// The mean of the clipped losses in nats, in 0...``EvaluationTerms/lossBound``; `nil` where accuracy is.
    package let loss: Double?
    package let lossError: Double?

    /// The standard deviations of its noise that a count has to be above for anything to be told about its examples.
    package static let fewestDeviations = 5.0

    /// With S0, S1, S2 the sums, the count is S0/2U, accuracy 1/2 + S1/S0 and the loss L·(1/2 + S2/S0). With σ the standard
    /// deviation of each sum's noise, to first order the standard error of a quotient r = S1/S0 is σ/S0·sqrt(1 + r²).
    ///
    /// The errors are those of the noise, not those that come from having few examples.
    ///
    /// - Parameters:
    ///   - sum: of the contributions and the noise, ``EvaluationTerms/coordinates`` integers.
    ///   - shares: updates in the sum, each with one noise share.
    package init(sum: [Int64], shares: Int, terms: EvaluationTerms) {
        precondition(sum.count == EvaluationTerms.coordinates, "examples, right answers and losses")
        let deviation = 64 * Double(terms.noiseMultiple) * Double(shares).squareRoot()
        let unit = 2 * Double(terms.scale)
        let examples = Double(sum[0])
        count = examples / unit
        countError = deviation / unit
        guard examples > Self.fewestDeviations * deviation, examples > 0 else {
            (accuracy, accuracyError, loss, lossError) = (nil, nil, nil, nil)
            return
        }
        func estimate(_ value: Int64) -> (Double, Double) {
            let ratio = min(max(Double(value) / examples, -0.5), 0.5)
            return (0.5 + ratio, deviation / examples * (1 + ratio * ratio).squareRoot())
        }
        let (accuracy, accuracyError) = estimate(sum[1])
        let (loss, lossError) = estimate(sum[2])
        (self.accuracy, self.accuracyError) = (accuracy, accuracyError)
        (self.loss, self.lossError) = (loss * terms.lossBound, lossError * terms.lossBound)
    }
}

extension HeldOutMetrics: CustomStringConvertible {
    package var description: String {
        guard let accuracy, let accuracyError else { return "held out: not enough examples to tell" }
        return "held-out accuracy \(accuracy) with noise of standard deviation \(accuracyError)"
    }
}
