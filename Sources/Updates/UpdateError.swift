// SPDX-License-Identifier: Apache-2.0

package import Cryptography

/// Why an update, a ring or a sum was refused: one line with what, where and what would be right. It carries lengths,
/// limits and names, never a value, a key or a plaintext.
package enum UpdateError: Error, Hashable, CustomStringConvertible {
    /// A parameter outside its range.
    case outOfRange(what: String, found: String, expected: String)
    /// No ring of at most 62 bits keeps the wrap-around as rare as asked.
    case ringTooSmall(bitsNeeded: Int)
    /// Bytes whose number is not the one that follows from the plan.
    case wrongLength(what: String, found: Int, expected: Int)
    /// Bytes that are not what the format says at this place.
    case malformed(what: String, expected: String)
    /// zstd refused; `reason` is its own name for the error.
    case compression(reason: String)
    /// A field of the context differs from the update that it is to describe.
    case contextMismatch(field: String, found: String, expected: String)
    /// The update does not belong to this sum.
    case sumMismatch(field: String, found: Int, expected: Int)
    /// Sealing or opening failed.
    case sealing(CryptographyError)

    package var description: String {
        switch self {
        case .outOfRange(let what, let found, let expected):
            "\(what): \(found); \(expected) would be right"
        case .ringTooSmall(let bitsNeeded):
            "ring: \(bitsNeeded) bits needed, \(Ring.bitRange.upperBound) possible; a coarser grid would be right"
        case .wrongLength(let what, let found, let expected):
            "\(what): \(found) bytes; \(expected) would be right"
        case .malformed(let what, let expected):
            "\(what): malformed; \(expected) would be right"
        case .compression(let reason):
            "update payload: zstd says \"\(reason)\"; one intact frame would be right"
        case .contextMismatch(let field, let found, let expected):
            "update context: \(field) is \(found); \(expected) would be right"
        case .sumMismatch(let field, let found, let expected):
            "running sum: \(field) of the update is \(found); \(expected) would be right"
        case .sealing(let error):
            "update sealing: \(error)"
        }
    }
}
