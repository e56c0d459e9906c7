// SPDX-License-Identifier: Apache-2.0

import Cryptography

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Which program this process runs: what a privacy statement names as having drawn the noise.
package enum ProgramHash {
    /// SHA-256 of the program's file, 32 bytes; nil where the kernel does not show it.
    package static func current() -> [UInt8]? {
        let descriptor = unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var hasher = SHA256Hasher()
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { return nil }
            guard count > 0 else { break }
            hasher.update(block.span.extracting(0..<count))
        }
        return hasher.finalize()
    }
}
