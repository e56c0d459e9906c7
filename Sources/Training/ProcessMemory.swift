// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What the kernel counts as this process's memory (`/proc/self/status`).
package enum ProcessMemory {
    /// Bytes resident now; nil where the kernel does not tell.
    package static func resident() -> Int? { field("VmRSS:") }

    /// The most bytes that were ever resident; nil where the kernel does not tell.
    package static func peak() -> Int? { field("VmHWM:") }

    /// Lets ``peak()`` begin anew, at what is resident now.
    ///
    /// - Returns: false where the kernel does not allow it.
    package static func resetPeak() -> Bool {
        let descriptor = unsafe open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let reset: StaticString = "5"
        return unsafe write(descriptor, reset.utf8Start, reset.utf8CodeUnitCount) == reset.utf8CodeUnitCount
    }

    private static func field(_ name: String) -> Int? {
        guard let text = contents("/proc/self/status") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            let words = line.split { $0 == " " || $0 == "\t" }
            return words.count > 1 ? Int(words[1]).map { $0 * 1024 } : nil
        }
        return nil
    }

    /// The first 8 KiB of a file; nil where it cannot be read.
    private static func contents(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 8192) { buffer, count in
            unsafe count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
