// SPDX-License-Identifier: Apache-2.0

internal import CZlib

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// One open file, read front to back through zlib: a gzip file is inflated and its checksum verified at the end, any
/// other file is handed out as it is. Memory is zlib's window and buffer, whatever the file holds.
@safe
struct GzipFile: ~Copyable {
    let path: String
    private let handle: gzFile
    /// An upper bound on the bytes that can come out: the file's size, times the best ratio of deflate (1,032 to 1)
    /// where it is compressed.
    let largestContent: Int
    /// Whether the file is compressed.
    let isCompressed: Bool

    /// The best ratio deflate can reach (zlib's technical notes: 1030.3 to 1), rounded up.
    private static let deflateRatio = 1032

    /// Opens a regular file.
    init(path: String) throws(DatasetError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(file: path, reason: systemError()) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .unreadable(file: path, reason: "not a regular file")
        }
        guard let handle = unsafe gzdopen(descriptor, "rb") else {
            close(descriptor)
            throw .unreadable(file: path, reason: "zlib has no memory")
        }
        self.path = path
        unsafe self.handle = handle
        let size = Int(status.st_size)
        isCompressed = unsafe gzdirect(handle) == 0
        largestContent = isCompressed ? size.multipliedReportingOverflow(by: Self.deflateRatio).partialValue : size
    }

    deinit {
        unsafe gzclose_r(handle)
    }

    /// Whether there is a file of this name.
    static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    /// The next bytes: `count` of them, or fewer where the file ends.
    func read(_ count: Int) throws(DatasetError) -> [UInt8] {
        var failed = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let wanted = UInt32(min(count - filled, 1 << 30))
                let got = unsafe gzread(handle, buffer.baseAddress! + filled, wanted)
                failed = got < 0
                guard got > 0 else { return }
                filled += Int(got)
            }
        }
        // A compressed file that is cut within its last eight bytes has all its content: only the error says so.
        if failed || bytes.count < count, let reason = zlibError() {
            throw .unreadable(file: path, reason: reason)
        }
        return bytes
    }

    /// What went wrong so far, if anything did.
    private func zlibError() -> String? {
        var code: Int32 = 0
        let text = unsafe gzerror(handle, &code)
        switch code {
        case Z_OK, Z_STREAM_END: return nil
        case Z_ERRNO: return systemError()
        default: return unsafe text.map { unsafe String(cString: $0) } ?? "zlib error \(code)"
        }
    }
}

private func systemError() -> String {
    guard let text = unsafe strerror(errno) else { return "error \(errno)" }
    return unsafe String(cString: text)
}
