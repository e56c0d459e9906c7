// SPDX-License-Identifier: Apache-2.0

/// Why a server or its tool stopped; each is one line: what, where, what would be right.
public enum AggregatorError: Error, Hashable, CustomStringConvertible {
    /// A wrong argument or file.
    case input(String)
    /// A privacy budget or another limit refuses.
    case limit(String)
    /// Anything else, for example a database that cannot be written.
    case failure(String)

    public var description: String {
        switch self {
        case .input(let line), .limit(let line), .failure(let line): line
        }
    }
}
