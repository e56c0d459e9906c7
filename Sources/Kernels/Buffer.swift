// SPDX-License-Identifier: Apache-2.0

/// One allocation of `count` elements, 64-byte aligned, zeroed when made and never moved.
///
/// All long-lived numbers of training (parameters, activations, gradients, integer sums) live in buffers. A buffer is
/// the only type of this room that owns memory; everything else takes spans.
///
/// `@unchecked Sendable` because nothing but the elements ever changes, and who writes elements has the buffer to
/// itself: a worker owns its workspace, and what workers share (parameters) is written only while no worker runs.
@safe
package final class Buffer<Element: BitwiseCopyable>: @unchecked Sendable {
    /// The number of elements.
    package let count: Int
    @usableFromInline let base: UnsafeMutablePointer<Element>

    /// `count` elements whose bytes are all zero.
    package init(count: Int) {
        precondition(count >= 0, "a buffer cannot have a negative count")
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Element>.stride
        let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        unsafe base = raw.bindMemory(to: Element.self, capacity: max(count, 1))
    }

    /// A copy of `elements`.
    package convenience init(_ elements: [Element]) {
        self.init(count: elements.count)
        unsafe base.update(from: elements, count: elements.count)
    }

    deinit {
        unsafe UnsafeMutableRawPointer(base).deallocate()
    }

    /// Lends all elements for reading.
    @inlinable
    package func read<Result, Failure: Error>(
        _ body: (Span<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafe Span(_unsafeStart: UnsafePointer(base), count: count))
    }

    /// Lends the elements of `range` for reading; traps where the range leaves the buffer.
    @inlinable
    package func read<Result, Failure: Error>(
        _ range: Range<Int>,
        _ body: (Span<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside of the buffer")
        return try body(unsafe Span(_unsafeStart: UnsafePointer(base + range.lowerBound), count: range.count))
    }

    /// Lends all elements for writing.
    @inlinable
    package func write<Result, Failure: Error>(
        _ body: (inout MutableSpan<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var span = unsafe MutableSpan(_unsafeStart: base, count: count)
        return try body(&span)
    }

    /// Lends the elements of `range` for writing; traps where the range leaves the buffer.
    @inlinable
    package func write<Result, Failure: Error>(
        _ range: Range<Int>,
        _ body: (inout MutableSpan<Element>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside of the buffer")
        var span = unsafe MutableSpan(_unsafeStart: base + range.lowerBound, count: range.count)
        return try body(&span)
    }

    /// Sets all bytes of the elements of `range` to zero.
    package func clear(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside of the buffer")
        let bytes = range.count * MemoryLayout<Element>.stride
        unsafe UnsafeMutableRawPointer(base + range.lowerBound)
            .initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    }

    /// Sets every element to `value`.
    @inlinable
    package func fill(_ value: Element) {
        // A loop: `update(repeating:)` goes through the type's witness table, an element at a time.
        for index in 0..<count { unsafe base[index] = value }
    }
}
