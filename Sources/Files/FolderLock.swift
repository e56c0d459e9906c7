// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Holds a folder for one process, so that two cannot use the same state. The system releases it when the process ends,
/// however it ends.
package struct FolderLock: ~Copyable {
    private let file: FileHandle

    /// - Throws: ``FileError`` when another process holds the folder.
    package init(folder: String, holder: String) throws(FileError) {
        let path = folder + "/lock"
        let file = try FileHandle(path, flags: O_RDWR | O_CREAT, mode: 0o600)
        guard try file.lock() else {
            throw FileError(
                path: folder,
                reason: "is in use by another \(holder); stop that one or name another folder"
            )
        }
        self.file = file
    }
}
