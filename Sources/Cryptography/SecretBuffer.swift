// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// Memory of a fixed length for something nobody else may read: it cannot be copied, it starts as zeros, and it is
/// overwritten with zeros (`OPENSSL_cleanse`, which no optimiser removes) when it ends.
///
/// A copy made by a caller out of a span is the caller's to erase. The pages are not locked: a swapped page can reach a
/// disk, and a core dump holds what is alive.
@safe
package struct SecretBuffer<Element: BitwiseCopyable & FixedWidthInteger & Sendable>: ~Copyable, @unchecked Sendable {
    // Sendable because the memory has exactly one owner.
    @usableFromInline
    let storage: UnsafeMutableBufferPointer<Element>

    /// `count` zeros.
    package init(count: Int) {
        precondition(count >= 0, "a length is not negative")
        unsafe storage = .allocate(capacity: count)
        // Bytes, because this generic code is not made for each element type, and would store them one by one.
        unsafe UnsafeMutableRawBufferPointer(storage).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// A copy of `elements`; the original stays as it is.
    package init(copying elements: Span<Element>) {
        self.init(count: elements.count)
        unsafe elements.withUnsafeBytes { unsafe UnsafeMutableRawBufferPointer(storage).copyMemory(from: $0) }
    }

    /// A copy of `elements`; the original stays as it is.
    package init(copying elements: [Element]) {
        self.init(copying: elements.span)
    }

    deinit {
        unsafe OPENSSL_cleanse(storage.baseAddress, storage.count * MemoryLayout<Element>.stride)
        unsafe storage.deallocate()
    }

    /// How many elements there are.
    @inlinable
    package var count: Int { unsafe storage.count }

    /// The element at `index`, which must be in `0..<count`.
    @inlinable
    package subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "the index lies outside the buffer")
            return unsafe storage[index]
        }
        set {
            precondition(index >= 0 && index < count, "the index lies outside the buffer")
            unsafe storage[index] = newValue
        }
    }

    /// Reads all elements.
    @inlinable
    package borrowing func withSpan<Result: ~Copyable, Failure: Error>(
        _ body: (Span<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe storage.span)
    }

    /// Reads and writes all elements.
    @inlinable
    package mutating func withMutableSpan<Result: ~Copyable, Failure: Error>(
        _ body: (inout MutableSpan<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = unsafe storage.mutableSpan
        return try body(&span)
    }

    /// Overwrites every element with zero now, before the end of the buffer's life.
    package mutating func erase() {
        unsafe OPENSSL_cleanse(storage.baseAddress, storage.count * MemoryLayout<Element>.stride)
    }
}

/// Secret bytes: keys, seeds, shared secrets.
package typealias SecretBytes = SecretBuffer<UInt8>

extension SecretBuffer where Element == UInt8 {
    /// `count` fresh bytes from the operating system.
    package static func random(count: Int) -> SecretBytes {
        var secret = SecretBytes(count: count)
        secret.withMutableSpan { SystemRandom.fill(&$0) }
        return secret
    }

    /// These bytes followed by `suffix`.
    package borrowing func appending(_ suffix: borrowing SecretBytes) -> SecretBytes {
        var joined = SecretBytes(count: count + suffix.count)
        for index in 0..<count {
            joined[index] = self[index]
        }
        for index in 0..<suffix.count {
            joined[count + index] = suffix[index]
        }
        return joined
    }

    /// A copy that is no longer secret and is not erased.
    package borrowing func copied() -> [UInt8] {
        withSpan { bytes in bytes.indices.map { bytes[$0] } }
    }
}

/// Overwrites an array with zeros in place (`OPENSSL_cleanse`). Where another array shares the storage, that one keeps its
/// contents: Swift then copies before it writes.
package func cleanse(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe OPENSSL_cleanse(bytes.baseAddress, bytes.count)
    }
}
