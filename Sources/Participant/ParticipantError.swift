// SPDX-License-Identifier: Apache-2.0

/// Why a client stopped; each is one line: what, where, what would be right.
public enum ParticipantError: Error, Hashable, CustomStringConvertible {
    /// A wrong argument, data set or state folder.
    case input(String)
    /// One of the client's own limits refuses: privacy or memory.
    case limit(String)
    /// The server refused, or cannot be trusted.
    case refused(String)
    /// Anything else, for example a disk that is full.
    case failure(String)

    public var description: String {
        switch self {
        case .input(let line), .limit(let line), .refused(let line), .failure(let line): line
        }
    }
}
