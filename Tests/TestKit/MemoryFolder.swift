// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A fresh folder for state that is synced at every step, removed with this object: in memory where the system has such a
/// place, because what a test kills is a process, never the machine.
package final class MemoryFolder: Sendable {
    package let path: String

    package init() throws {
        let shared = "/dev/shm"
        let base =
            FileManager.default.isWritableFile(atPath: shared)
            ? URL(filePath: shared) : FileManager.default.temporaryDirectory
        let folder = base.appending(path: "sotto-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    package func file(_ name: String) -> String { path + "/" + name }

    package func put(_ text: String, in name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: file(name)))
    }

    package func put(_ bytes: [UInt8], in name: String) throws {
        try Data(bytes).write(to: URL(filePath: file(name)))
    }

    /// A file's bytes, or `nil` where there is none.
    package func bytes(of name: String) -> [UInt8]? {
        (try? Data(contentsOf: URL(filePath: file(name)))).map { [UInt8]($0) }
    }

    package func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: file(name))
    }
}
