// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Owns one open file descriptor.
struct FileHandle: ~Copyable {
    private let descriptor: Int32
    private let path: String

    init(_ path: String, flags: Int32, mode: UInt32) throws(FileError) {
        descriptor = unsafe open(path, flags | O_CLOEXEC, mode)
        self.path = path
        guard descriptor >= 0 else { throw .system(path, "open") }
    }

    deinit {
        _ = close(descriptor)
    }

    /// Writes all bytes, however many calls that takes.
    func write(_ bytes: [UInt8]) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .system(path, "write") }
            written += count
        }
    }

    /// Reads from the current position to the end.
    ///
    /// - Throws: ``FileError`` when the file holds more than `limit` bytes; nothing of that size is allocated.
    func readAll(limit: Int) throws(FileError) -> [UInt8] {
        let size = try self.size()
        guard size <= limit else {
            throw FileError(path: path, reason: "has \(size) bytes; at most \(limit) are allowed")
        }
        var bytes = [UInt8](repeating: 0, count: size)
        var filled = 0
        while filled < size {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), size - filled)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .system(path, "read") }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(size - filled)
        return bytes
    }

    func size() throws(FileError) -> Int {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .system(path, "examine") }
        return Int(status.st_size)
    }

    func truncate(to size: Int) throws(FileError) {
        guard ftruncate(descriptor, size) == 0 else { throw .system(path, "cut") }
    }

    /// Takes an exclusive lock that lasts as long as the handle.
    ///
    /// - Returns: `false` when another process holds it.
    func lock() throws(FileError) -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw .system(path, "lock") }
        return false
    }

    /// Takes an exclusive lock that lasts as long as the handle, once nobody else holds it.
    func waitForLock() throws(FileError) {
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw .system(path, "lock") }
        }
    }

    func sync() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw .system(path, "sync to disk") }
    }
}
