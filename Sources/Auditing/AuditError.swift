// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Files
internal import Training

/// Why an audit, or an entry of a run, was refused; one line: what, where, what would be right.
package enum AuditError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file cannot be read, written or locked.
    case file(FileError)
    /// A file is not what it should be.
    case notReadable(path: String, reason: String)
    /// A ledger in a file is damaged or refuses an entry.
    case ledger(path: String, LedgerError)
    /// A ledger keeps another population than the one that was named.
    case otherPopulation(path: String, found: String, expected: String)
    /// A ledger's head is signed by somebody, and what is appended would not be.
    case signed(path: String)
    /// A number cannot be recomputed.
    case accounting(AccountingError)

    package var description: String {
        switch self {
        case .file(let error): error.description
        case .notReadable(let path, let reason): "\(path): \(reason)"
        case .ledger(let path, let error): "\(path): \(error)"
        case .otherPopulation(let path, let found, let expected):
            "\(path): is the ledger of '\(found)', not of '\(expected)'; name another file,"
                + " or name the population if the data is the same"
        case .signed(let path):
            "\(path): its head is signed, and an entry of this run would not be; name another file"
        case .accounting(let error): error.description
        }
    }
}

extension AuditError {
    /// Whether the privacy budget refused.
    package var isBudget: Bool {
        switch self {
        case .ledger(_, .budgetExceeded), .ledger(_, .notStatable): true
        default: false
        }
    }

    static func reading<Value>(
        _ path: String,
        _ body: () throws(LedgerError) -> Value
    ) throws(AuditError) -> Value {
        do { return try body() } catch { throw .ledger(path: path, error) }
    }

    static func filing<Value: ~Copyable>(_ body: () throws(FileError) -> Value) throws(AuditError) -> Value {
        do { return try body() } catch { throw .file(error) }
    }

    static func accounting<Value>(_ body: () throws(AccountingError) -> Value) throws(AuditError) -> Value {
        do { return try body() } catch { throw .accounting(error) }
    }
}
