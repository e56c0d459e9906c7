// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A file that cannot be read, written or trusted; one line: what, where, what would be right.
package struct FileError: Error, Hashable, CustomStringConvertible {
    package let path: String
    package let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// The reason that the C library gives for its last failure.
    static func system(_ path: String, _ action: String) -> FileError {
        let reason = unsafe String(cString: strerror(errno))
        return FileError(path: path, reason: "cannot \(action): \(reason)")
    }

    package var description: String { "\(path): \(reason)" }
}
