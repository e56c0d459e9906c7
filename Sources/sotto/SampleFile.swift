// SPDX-License-Identifier: Apache-2.0

import Files

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file of little-endian 64-bit integers, of any length, that is written a piece at a time.
///
/// As with `DurableFile`, a reader of the path finds the old file or the new one: the pieces go to a file beside it,
/// which `finish` syncs and moves into place. Without `finish` the file beside it is removed and the path stays as it
/// was.
final class SampleFile {
    private let path: String
    private let temporary: String
    private let descriptor: Int32
    private var isInPlace = false

    init(_ path: String) throws(FileError) {
        self.path = path
        temporary = path + ".new"
        // What a crash left there may be a link.
        try DurableFile.remove(temporary)
        descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.failure(path, "open") }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if !isInPlace { try? DurableFile.remove(temporary) }
    }

    /// Writes samples after those that were written before.
    func append(_ samples: Span<Int64>) throws(FileError) {
        let numbers = samples.indices.map { samples[$0].littleEndian }
        let length = 8 * numbers.count
        var written = 0
        while written < length {
            let count = unsafe numbers.withUnsafeBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress?.advanced(by: written), length - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(path, "write") }
            written += count
        }
    }

    /// Makes the file durable and moves it into place.
    func finish() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw Self.failure(path, "sync to disk") }
        guard unsafe rename(temporary, path) == 0 else { throw Self.failure(path, "move the new file into place") }
        isInPlace = true
        try syncFolder()
    }

    /// Makes the name durable, not only the bytes.
    private func syncFolder() throws(FileError) {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let handle = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard handle >= 0 else { throw Self.failure(folder, "open") }
        defer { close(handle) }
        guard fsync(handle) == 0 else { throw Self.failure(folder, "sync to disk") }
    }

    private static func failure(_ path: String, _ action: String) -> FileError {
        let reason = unsafe String(cString: strerror(errno))
        return FileError(path: path, reason: "cannot \(action): \(reason)")
    }
}
