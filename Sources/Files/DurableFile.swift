// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Whole files that a crash leaves either as they were or as they should be, readable by their owner alone.
///
/// This room is the only one that speaks to the file system on behalf of clients and servers: a file is written beside
/// its place, synced, renamed into place, and the folder is synced, so that after `kill -9` or a power cut a reader finds
/// the old bytes or the new ones. It promises nothing on file systems that ignore `fsync`.
package enum DurableFile {
    /// Replaces the file at `path`.
    ///
    /// - Parameter mode: permissions of the new file; the owner's alone unless the content is public.
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(FileError) {
        let temporary = path + ".new"
        // What a crash left there may be open to others, or be a link.
        try remove(temporary)
        do throws(FileError) {
            let file = try FileHandle(temporary, flags: O_WRONLY | O_CREAT | O_EXCL, mode: mode)
            try file.write(bytes)
            try file.sync()
            guard unsafe rename(temporary, path) == 0 else {
                throw FileError.system(path, "move the new file into place")
            }
        } catch {
            try? remove(temporary)
            throw error
        }
        try syncFolder(of: path)
    }

    /// The whole file, at most `limit` bytes, or `nil` where there is none.
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8]? {
        guard unsafe access(path, F_OK) == 0 else {
            if errno == ENOENT { return nil }
            throw .system(path, "open")
        }
        let file = try FileHandle(path, flags: O_RDONLY, mode: 0)
        return try file.readAll(limit: limit)
    }

    /// Whether there is a file, a folder or anything else at `path`.
    package static func exists(_ path: String) throws(FileError) -> Bool {
        if unsafe access(path, F_OK) == 0 { return true }
        guard errno == ENOENT else { throw .system(path, "look for it") }
        return false
    }

    /// Makes an empty file readable by its owner alone, unless one is there.
    package static func makePrivate(_ path: String) throws(FileError) {
        _ = try FileHandle(path, flags: O_WRONLY | O_CREAT, mode: 0o600)
    }

    /// Makes the file at `path` with these bytes, unless another process was first; then that one's stays.
    ///
    /// - Returns: whether the file is this one.
    package static func create(_ bytes: [UInt8], at path: String) throws(FileError) -> Bool {
        // By a lock, and not by a link of another name to the file: a crash before that name is removed would leave a second
        // one, of a key whose owner believes that it is gone when the file is.
        let folder = try FileHandle(folder(of: path), flags: O_RDONLY | O_DIRECTORY, mode: 0)
        try folder.waitForLock()
        guard try !exists(path) else { return false }
        try write(bytes, to: path)
        return true
    }

    /// Removes a file; a file that is not there is no error.
    package static func remove(_ path: String) throws(FileError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw .system(path, "remove") }
    }

    /// Makes a folder with its parents, open to its owner alone.
    package static func makeFolder(_ path: String) throws(FileError) {
        var built = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            built += (built.isEmpty || built.hasSuffix("/") ? "" : "/") + part
            guard unsafe mkdir(built, 0o700) == 0 || errno == EEXIST else { throw .system(built, "make this folder") }
        }
        guard isFolder(path) else {
            throw FileError(path: path, reason: "is not a folder; name a folder or a path that is free")
        }
    }

    /// Whether there is a folder at `path`, as far as this process can see.
    package static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes the name of a file durable, not only its bytes.
    static func syncFolder(of path: String) throws(FileError) {
        try FileHandle(folder(of: path), flags: O_RDONLY | O_DIRECTORY, mode: 0).sync()
    }

    private static func folder(of path: String) -> String {
        let folder = path.lastIndex(of: "/").map { path[..<$0] } ?? "."
        return folder.isEmpty ? "/" : String(folder)
    }
}
