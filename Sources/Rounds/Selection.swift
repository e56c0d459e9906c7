// SPDX-License-Identifier: Apache-2.0

/// The stage before an attempt: a round opens once as many clients wait as it may have, so that no privacy is reserved for a
/// round that nobody would come to; where they stay away for the plan's time, enough survivors are enough.
package struct Selection: Hashable, Sendable {
    /// Since when enough survivors, but not all that the round may have, have been waiting.
    package private(set) var shortSince: UInt64?

    package init() {}

    /// What to do now.
    package enum Step: Hashable, Sendable {
        /// Nothing before that time, unless more clients come.
        case wait(until: UInt64?)
        /// Open an attempt for so many.
        case open(expected: Int)
    }

    /// - Parameters:
    ///   - waiting: clients that wait for a round of the plan.
    ///   - now: milliseconds.
    package mutating func next(waiting: Int, terms: RoundTerms, now: UInt64) -> Step {
        if waiting >= terms.mostMembers { return .open(expected: terms.mostMembers) }
        guard waiting >= terms.fewestSurvivors else {
            shortSince = nil
            return .wait(until: nil)
        }
        let since = min(shortSince ?? now, now)
        shortSince = since
        let until = since + UInt64(terms.selectionSeconds) * 1000
        return now >= until ? .open(expected: waiting) : .wait(until: until)
    }
}
