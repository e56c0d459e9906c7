// SPDX-License-Identifier: Apache-2.0

/// Why an accountant, a plan or a decoder refused. None of the cases carries anything but public parameters.
package enum AccountingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A number lies outside the range in which the formulas are proved and the arithmetic is bounded.
    case invalidParameter(name: String, value: String, expected: String)
    /// The event is a combination for which this accountant has no proof.
    case unsupportedEvent(event: String, reason: String)
    /// No value in the supported range meets the target.
    case unreachableTarget(what: String, reason: String)
    /// The result exceeds what a `Double` holds: there is no guarantee to state.
    case noFiniteEpsilon(event: String)
    /// The other items of delta leave nothing for the accountant.
    case deltaExhausted(asked: Double, taken: Double)
    /// Bytes that are not a canonical encoding.
    case malformedEncoding(what: String, offset: Int)

    package var description: String {
        switch self {
        case .invalidParameter(let name, let value, let expected):
            "accounting: \(name) is \(value); expected \(expected)"
        case .unsupportedEvent(let event, let reason):
            "accounting: no proof covers \(event): \(reason)"
        case .unreachableTarget(let what, let reason):
            "accounting: \(what) cannot be reached: \(reason)"
        case .noFiniteEpsilon(let event):
            "accounting: \(event) has no finite epsilon; add noise or take fewer steps"
        case .deltaExhausted(let asked, let taken):
            "accounting: the sampler and rounding items take \(taken) of delta \(asked); ask for a larger delta"
        case .malformedEncoding(let what, let offset):
            "accounting: not a canonical encoding at byte \(offset): \(what)"
        }
    }
}

extension AccountingError {
    static func invalid(_ name: String, _ value: some CustomStringConvertible, _ expected: String) -> AccountingError {
        .invalidParameter(name: name, value: value.description, expected: expected)
    }
}
