// SPDX-License-Identifier: Apache-2.0

/// Where a server keeps what it remembers.
package enum DatabaseAddress: Hashable, Sendable, CustomStringConvertible {
    /// A file of this machine.
    case sqlite(path: String)
    /// A PostgreSQL database, as its URL: `postgres://USER@HOST:PORT/NAME?...`.
    case postgreSQL(url: String)

    /// Reads `sqlite:FILE`, `postgres://...` or `postgresql://...`.
    ///
    /// - Returns: `nil` for anything else. The text is not repeated in errors, because it may hold a password.
    package init?(_ text: String) {
        if text.hasPrefix("sqlite:"), text.utf8.count > 7 {
            self = .sqlite(path: String(text.dropFirst(7)))
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            self = .postgreSQL(url: text)
        } else {
            return nil
        }
    }

    /// For people: without user and password.
    package var description: String {
        switch self {
        case .sqlite(let path):
            return path
        case .postgreSQL(let url):
            let rest = url.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "?" }
            return "postgres://" + (rest.split(separator: "@", omittingEmptySubsequences: false).last ?? rest)
        }
    }
}
