// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Overwrites an array with zeros in place (`explicit_bzero`, which no optimiser removes).
///
/// Where another array shares the storage, that other one keeps its contents: Swift then copies before it writes.
func erase<Element: BitwiseCopyable>(_ elements: inout [Element]) {
    unsafe elements.withUnsafeMutableBytes { bytes in
        guard let start = bytes.baseAddress else { return }
        unsafe explicit_bzero(start, bytes.count)
    }
}
