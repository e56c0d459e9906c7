// SPDX-License-Identifier: Apache-2.0

/// A moment for people: `2026-11-22 09:30:00Z`, always UTC.
package enum DateText {
    /// - Parameter milliseconds: since 1970.
    package static func text(_ milliseconds: UInt64) -> String {
        let seconds = Int(milliseconds / 1000)
        let (day, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
        // Days from civil, inverted: an era has 400 years, which begin in March (Howard Hinnant, chrono date algorithms).
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(two(civilMonth))-\(two(dayOfMonth)) "
            + "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }
}
