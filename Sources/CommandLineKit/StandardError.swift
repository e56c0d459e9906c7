// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Standard error: diagnostics and progress.
package enum StandardError {
    /// Whether a person may be watching.
    package static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes `text` at once; a closed standard error is ignored.
    package static func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                #if canImport(Musl)
                unsafe Musl.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
                #else
                unsafe Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
                #endif
            }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
