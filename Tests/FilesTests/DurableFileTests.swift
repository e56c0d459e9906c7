// SPDX-License-Identifier: Apache-2.0

import Files
import Glibc
import TestKit
import Testing

@Suite("Durable files")
struct DurableFileTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("Bytes come back, a replacement replaces all of them, and nothing else stays in the folder")
    func replaces() throws {
        for bytes: [UInt8] in [[1, 2, 3], [], [UInt8](repeating: 7, count: 100_000), [9]] {
            try DurableFile.write(bytes, to: folder.file("a"))
            #expect(try DurableFile.read(folder.file("a"), limit: 100_000) == bytes)
            #expect(try folder.bytes(of: "a") == bytes)
            #expect(try folder.names == ["a"])
        }
    }

    @Test("A file is its owner's alone, also where an older temporary file was open to others")
    func mode() throws {
        try folder.put([0], in: "a.new")
        try folder.setMode(0o666, of: "a.new")
        try DurableFile.write([1], to: folder.file("a"))
        #expect(try folder.mode(of: "a") == 0o600)
        try DurableFile.write([1], to: folder.file("b"), mode: 0o640)
        #expect(try folder.mode(of: "b") == 0o640)
    }

    @Test("A link in the temporary file's place is not followed")
    func temporaryLink() throws {
        try folder.put([5], in: "victim")
        #expect(unsafe symlink(folder.file("victim"), folder.file("a.new")) == 0)
        try DurableFile.write([1], to: folder.file("a"))
        #expect(try folder.bytes(of: "victim") == [5])
        #expect(try folder.bytes(of: "a") == [1])
    }

    @Test("The limit is the last length that is read")
    func limit() throws {
        try folder.put([UInt8](repeating: 1, count: 1000), in: "a")
        #expect(try DurableFile.read(folder.file("a"), limit: 1000)?.count == 1000)
        #expect(throws: FileError(path: folder.file("a"), reason: "has 1000 bytes; at most 999 are allowed")) {
            try DurableFile.read(folder.file("a"), limit: 999)
        }
    }

    @Test("A file of a tebibyte is refused without its memory")
    func hugeFile() throws {
        try folder.put([], in: "a")
        #expect(unsafe truncate(folder.file("a"), 1 << 40) == 0)
        #expect(throws: FileError.self) { try DurableFile.read(folder.file("a"), limit: 1 << 20) }
        #expect(throws: FileError.self) { try ChecksummedFile.read(folder.file("a")) }
        #expect(throws: FileError.self) { _ = try RecordLog(folder.file("a")) }
    }

    @Test("What is missing is nil; what cannot be a file is one line that names it")
    func missing() throws {
        try folder.put([1], in: "plain")
        #expect(try DurableFile.read(folder.file("none"), limit: 10) == nil)
        #expect(try DurableFile.read(folder.file("none/below"), limit: 10) == nil)
        for path in [folder.path, folder.file("plain/below")] {
            let error = #expect(throws: FileError.self) { try DurableFile.read(path, limit: 1 << 20) }
            #expect(error?.path == path)
            #expect(error?.description.contains("\n") == false)
        }
        #expect(throws: FileError.self) { try DurableFile.write([1], to: folder.file("none/a")) }
        #expect(throws: FileError.self) { try DurableFile.write([1], to: folder.path) }
        #expect(try folder.names == ["plain"])
    }

    @Test("The first to make a file wins; who comes later changes nothing")
    func creates() throws {
        #expect(try DurableFile.create([1], at: folder.file("a")))
        #expect(try !DurableFile.create([2], at: folder.file("a")))
        #expect(try folder.bytes(of: "a") == [1])
        #expect(try folder.mode(of: "a") == 0o600)
        #expect(try ChecksummedFile.create([3], at: folder.file("b")))
        #expect(try !ChecksummedFile.create([4], at: folder.file("b")))
        #expect(try ChecksummedFile.read(folder.file("b")) == [3])
        #expect(throws: FileError.self) { try DurableFile.create([1], at: folder.file("none/a")) }
        #expect(try folder.names == ["a", "b"])
    }

    @Test("A private file is made empty and its owner's alone; one that is there is left as it is")
    func makesPrivate() throws {
        try DurableFile.makePrivate(folder.file("a"))
        #expect(try folder.bytes(of: "a").isEmpty)
        #expect(try folder.mode(of: "a") == 0o600)
        try folder.put([1], in: "a")
        try DurableFile.makePrivate(folder.file("a"))
        #expect(try folder.bytes(of: "a") == [1])
    }

    @Test("What exists is known; where that cannot be told is an error")
    func exists() throws {
        try folder.put([1], in: "a")
        #expect(try DurableFile.exists(folder.file("a")))
        #expect(try DurableFile.exists(folder.path))
        #expect(try !DurableFile.exists(folder.file("none")))
        #expect(throws: FileError.self) { try DurableFile.exists(folder.file("a/below")) }
    }

    @Test("Removing is done once; a second time is no error, a folder is")
    func removes() throws {
        try folder.put([1], in: "a")
        try DurableFile.remove(folder.file("a"))
        try DurableFile.remove(folder.file("a"))
        #expect(try folder.names.isEmpty)
        #expect(throws: FileError.self) { try DurableFile.remove(folder.path) }
    }

    @Test("Folders are made with their parents for their owner alone; a file in the way is refused")
    func folders() throws {
        try DurableFile.makeFolder(folder.file("x/y"))
        try DurableFile.makeFolder(folder.file("x/y/"))
        #expect(try folder.mode(of: "x") == 0o700)
        #expect(try folder.mode(of: "x/y") == 0o700)
        try folder.put([1], in: "plain")
        #expect(throws: FileError.self) { try DurableFile.makeFolder(folder.file("plain")) }
        #expect(throws: FileError.self) { try DurableFile.makeFolder(folder.file("plain/below")) }
    }

    /// Runs where files cannot grow beyond 4,096 bytes, which cuts a write in the middle as a full disk does.
    @Test("A write that fails in the middle leaves the old bytes and no other file")
    func failedWrite() async throws {
        try DurableFile.write([1, 2, 3], to: folder.file("a"))
        await #expect(processExitsWith: .success) { [path = folder.path as String] in
            limitFileSize(4096)
            #expect(throws: FileError.self) {
                try DurableFile.write([UInt8](repeating: 9, count: 5000), to: path + "/a")
            }
        }
        #expect(try folder.bytes(of: "a") == [1, 2, 3])
        #expect(try folder.names == ["a"])
    }
}

/// Makes writes of this process beyond so many bytes of a file fail.
func limitFileSize(_ bytes: UInt) {
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
    guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { exit(9) }
}
