// SPDX-License-Identifier: Apache-2.0

/// A store that cannot do what was asked; one line.
package enum StoreError: Error, Hashable, CustomStringConvertible {
    /// Something of that name exists, or another process has changed the same state: look again.
    case conflict(String)
    /// The database cannot be read or written, or holds something that this version does not understand.
    case database(String)

    package var description: String {
        switch self {
        case .conflict(let reason), .database(let reason): reason
        }
    }
}
