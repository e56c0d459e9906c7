// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The operating system's random source (`getentropy`, which on Linux is the `getrandom` system call: it blocks until
/// the kernel's pool is seeded and needs no file descriptor).
///
/// Nothing sound can be done without it, so a source that fails ends the process with a message instead of handing out
/// bytes that are not random.
package enum SystemRandom {
    /// The most bytes one call of `getentropy` gives.
    private static let largestRequest = 256

    /// `count` fresh random bytes.
    package static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        fill(&span)
        return bytes
    }

    /// Overwrites every byte of `out` with a fresh random one.
    package static func fill(_ out: inout MutableSpan<UInt8>) {
        unsafe out.withUnsafeMutableBufferPointer { buffer in
            var offset = 0
            while offset < buffer.count {
                let length = min(largestRequest, buffer.count - offset)
                guard unsafe getentropy(buffer.baseAddress! + offset, length) == 0 else {
                    fatalError("the operating system's random source failed (getentropy, errno \(errno))")
                }
                offset += length
            }
        }
    }
}
