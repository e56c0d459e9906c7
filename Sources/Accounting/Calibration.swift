// SPDX-License-Identifier: Apache-2.0

/// Searches that calibrations share.
enum Calibration {
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
