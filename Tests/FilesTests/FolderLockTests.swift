// SPDX-License-Identifier: Apache-2.0

import Files
import Glibc
import TestKit
import Testing

@Suite("Folder locks")
struct FolderLockTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("A second holder of the same process is refused until the first lets go")
    func sameProcess() throws {
        do {
            let lock = try FolderLock(folder: folder.path, holder: "client")
            let refusal = FileError(
                path: folder.path,
                reason: "is in use by another client; stop that one or name another folder"
            )
            #expect(throws: refusal) { _ = try FolderLock(folder: folder.path, holder: "client") }
            // A refused attempt does not take the lock away.
            #expect(throws: refusal) { _ = try FolderLock(folder: folder.path, holder: "client") }
            withExtendedLifetime(lock) {}
        }
        _ = try FolderLock(folder: folder.path, holder: "client")
        #expect(try folder.mode(of: "lock") == 0o600)
    }

    @Test("Another process is refused while this one holds the folder")
    func anotherProcess() async throws {
        let lock = try FolderLock(folder: folder.path, holder: "server")
        await #expect(processExitsWith: .success) { [path = folder.path as String] in
            let error = #expect(throws: FileError.self) { _ = try FolderLock(folder: path, holder: "server") }
            #expect(error?.reason.hasPrefix("is in use by another server") == true)
        }
        withExtendedLifetime(lock) {}
    }

    @Test("A holder that is killed leaves the folder free")
    func killedHolder() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = folder.path as String] in
            let lock = try FolderLock(folder: path, holder: "server")
            raise(SIGKILL)
            withExtendedLifetime(lock) {}
        }
        #expect(try folder.names == ["lock"])
        _ = try FolderLock(folder: folder.path, holder: "server")
    }

    @Test("A folder that is missing or is a file is refused")
    func unusable() throws {
        #expect(throws: FileError.self) { _ = try FolderLock(folder: folder.file("none"), holder: "client") }
        try folder.put([1], in: "plain")
        #expect(throws: FileError.self) { _ = try FolderLock(folder: folder.file("plain"), holder: "client") }
    }
}

@Suite("File locks")
struct FileLockTests {
    @Test("Changes by several threads follow one another, so that none is lost")
    func changesFollowOneAnother() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("counter")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<10 {
                        let lock = try FileLock(path: path)
                        let before = try DurableFile.read(path, limit: 1)?.first ?? 0
                        try DurableFile.write([before + 1], to: path)
                        lock.release()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try folder.bytes(of: "counter") == [40])
        #expect(try folder.names == ["counter", "counter.lock"])
    }

    @Test("A holder that is killed leaves the file free")
    func killedHolder() async throws {
        let folder = try TemporaryFolder()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = folder.file("data") as String] in
            let lock = try FileLock(path: path)
            raise(SIGKILL)
            lock.release()
        }
        try FileLock(path: folder.file("data")).release()
        #expect(throws: FileError.self) { _ = try FileLock(path: folder.file("none/data")) }
    }
}
