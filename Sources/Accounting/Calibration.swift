// SPDX-License-Identifier: Apache-2.0

/// Searches that calibrations share.
enum Calibration {
    /// Refuses a target that cannot be calibrated for.
    static func check(target: Double, delta: Double, samplingRate: Double = 1, steps: Int = 1) throws(AccountingError) {
        guard target > 0, target.isFinite else { throw .invalid("epsilon", target, "a positive number") }
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }
        guard samplingRate > 0, samplingRate <= 1 else {
            throw .invalid("sampling rate", samplingRate, "a number in (0, 1]")
        }
        guard steps >= 1 else { throw .invalid("number of steps", steps, "at least 1") }
    }

    /// The most repetitions of `event` that pass, for a test that, once failed, fails above; 0 where one fails already.
    ///
    /// Throws where `limit` of them pass.
    static func most(
        of event: PrivacyEvent,
        limit: Int,
        where fits: (Int) throws(AccountingError) -> Bool
    ) throws(AccountingError) -> Int {
        guard try fits(1) else { return 0 }
        var below = 1
        var above = 2
        while try fits(above) {
            guard above < limit else {
                throw .unreachableTarget(what: "a limit of steps", reason: "\(limit) steps of \(event) stay within it")
            }
            below = above
            above = above > limit / 2 ? limit : above * 2
        }
        while above - below > 1 {
            let middle = below + (above - below) / 2
            if try fits(middle) { below = middle } else { above = middle }
        }
        return below
    }

    /// How far above the least value the result may be, relative to it.
    static let tolerance = 1e-6

    /// The least value that passes, for a test that, once passed, passes above; the returned value has passed.
    static func least(
        in range: ClosedRange<Double>,
        startingAt start: Double = 1,
        where passes: (Double) throws(AccountingError) -> Bool
    ) throws(AccountingError) -> Double {
        var above = start
        while try !passes(above) {
            guard above < range.upperBound else {
                throw .unreachableTarget(
                    what: "the target",
                    reason: "no noise multiplier up to \(range.upperBound) gives it"
                )
            }
            above = min(above * 2, range.upperBound)
        }
        var below = above / 2
        while try passes(below) {
            guard below > range.lowerBound else {
                throw .unreachableTarget(
                    what: "the target",
                    reason: "it needs a noise multiplier below \(range.lowerBound), which is no privacy"
                )
            }
            above = below
            below = max(below / 2, range.lowerBound)
        }
        while above - below > tolerance * below {
            let middle = (above + below) / 2
            if try passes(middle) { above = middle } else { below = middle }
        }
        return above
    }
}
