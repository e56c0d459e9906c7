// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A file that cannot be read, written or trusted; one line: what, where, what would be right.
package struct FileError: Error, Hashable, CustomStringConvertible {
    package let path: String
    package let reason: String
    /// Whether the machine failed, for example a full disk: the same path and content would do at another time.
    package let isOfMachine: Bool

    package init(path: String, reason: String, isOfMachine: Bool = false) {
        self.path = path
        self.reason = reason
        self.isOfMachine = isOfMachine
    }

    /// The reason that the C library gives for its last failure.
    static func system(_ path: String, _ action: String) -> FileError {
        let code = errno
        let reason = unsafe String(cString: strerror(code))
        return FileError(
            path: path,
            reason: "cannot \(action): \(reason)",
            isOfMachine: [ENOSPC, EDQUOT, EFBIG, EIO, EMFILE, ENFILE, ENOMEM].contains(code)
        )
    }

    package var description: String { "\(path): \(reason)" }
}
