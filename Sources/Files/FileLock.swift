// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Holds a file for one process while it is read, changed and replaced. The system releases it when the process ends,
/// however it ends.
///
/// What is locked is an empty file of the same name with `.lock` behind it, which stays: the file itself is replaced by
/// another one, and a lock on it would be one on the old bytes.
package struct FileLock: ~Copyable {
    private let file: FileHandle

    /// Waits until no other process holds `path`.
    package init(path: String) throws(FileError) {
        let file = try FileHandle(path + ".lock", flags: O_RDWR | O_CREAT, mode: 0o600)
        try file.waitForLock()
        self.file = file
    }

    /// Ends the lock, which lasts until here.
    package consuming func release() {}
}
