// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// A vector of integers, in grid units, to which scaled floats are added.
///
/// A float x with scale s adds w = rint(fl(x s)): the product rounded to Float, then to the nearest integer, ties to
/// even. w is saturated at ±``Width/limit``, and a NaN counts as 0, so that nothing is undefined; callers keep clear of
/// both. Sums wrap around (modulo 2^32 or 2^64), so they do not depend on the order of adding, and what was added can
/// be taken away again without a trace. The same bits on every processor.
///
/// `@unchecked Sendable` because nothing but the integers ever changes, and who writes has the range to itself.
package final class Accumulator: @unchecked Sendable {
    /// The size of an integer.
    package enum Width: Hashable, Sendable, CaseIterable {
        /// 32 bits: half of the memory and of the time.
        case narrow
        /// 64 bits.
        case wide

        /// Bytes of one integer.
        package var bytes: Int { self == .narrow ? 4 : 8 }

        /// The greatest magnitude that one float adds: 2^31 - 2^7 or 2^62.
        package var limit: Int64 { self == .narrow ? 2_147_483_520 : 1 << 62 }
    }

    private enum Storage {
        case narrow(Buffer<Int32>)
        case wide(Buffer<Int64>)
    }

    /// The number of integers.
    package let count: Int
    /// The size of an integer.
    package let width: Width
    private let storage: Storage

    /// `count` zeros.
    package init(count: Int, width: Width) {
        self.count = count
        self.width = width
        storage = width == .narrow ? .narrow(Buffer(count: count)) : .wide(Buffer(count: count))
    }

    /// Bytes of the integers.
    package var bytes: Int { count * width.bytes }

    /// Sets every integer to zero.
    package func clear() {
        switch storage {
        case .narrow(let sum): sum.clear(0..<count)
        case .wide(let sum): sum.clear(0..<count)
        }
    }

    /// Sets the integers of a range to zero.
    package func clear(_ range: Range<Int>) {
        switch storage {
        case .narrow(let sum): sum.clear(range)
        case .wide(let sum): sum.clear(range)
        }
    }

    /// self[offset + i] += rint(fl(x[i] scale)).
    package func add(_ x: Span<Float>, scale: Float, at offset: Int) {
        let range = offset..<(offset + x.count)
        unsafe x.withUnsafeBufferPointer { x in
            switch storage {
            case .narrow(let sum):
                unsafe Self.write(sum, range) { unsafe sotto_accumulate_narrow($0, x.baseAddress, x.count, scale) }
            case .wide(let sum):
                unsafe Self.write(sum, range) { unsafe sotto_accumulate_wide($0, x.baseAddress, x.count, scale) }
            }
        }
    }

    /// Takes away, exactly, what ``add(_:scale:at:)`` of the same arguments added: rint(-t) = -rint(t).
    package func subtract(_ x: Span<Float>, scale: Float, at offset: Int) {
        add(x, scale: -scale, at: offset)
    }

    /// As ``add(_:scale:at:)``.
    ///
    /// - Returns: the exact sum of squares of the integers added, or 2^128 - 1 where it is greater (which a narrow sum
    ///   of fewer than 2^66 coordinates never is).
    package func addMeasured(_ x: Span<Float>, scale: Float, at offset: Int) -> UInt128 {
        let range = offset..<(offset + x.count)
        let squares = unsafe x.withUnsafeBufferPointer { x in
            switch storage {
            case .narrow(let sum):
                unsafe Self.write(sum, range) {
                    unsafe sotto_accumulate_narrow_measured($0, x.baseAddress, x.count, scale)
                }
            case .wide(let sum):
                unsafe Self.write(sum, range) {
                    unsafe sotto_accumulate_wide_measured($0, x.baseAddress, x.count, scale)
                }
            }
        }
        return UInt128(squares.high) << 64 | UInt128(squares.low)
    }

    /// self[offset + i] += integers[i].
    package func addIntegers(_ integers: Span<Int64>, at offset: Int) {
        let range = offset..<(offset + integers.count)
        unsafe integers.withUnsafeBufferPointer { integers in
            switch storage {
            case .narrow(let sum):
                unsafe Self.write(sum, range) {
                    unsafe sotto_add_int64_to_narrow($0, integers.baseAddress, integers.count)
                }
            case .wide(let sum):
                unsafe Self.write(sum, range) { unsafe sotto_add_int64($0, integers.baseAddress, integers.count) }
            }
        }
    }

    /// Adds the integers of `other`, another accumulator of the same count and a width at most this one's, in `range`.
    package func add(_ other: Accumulator, _ range: Range<Int>) {
        precondition(other.count == count && other !== self, "not two accumulators of one size")
        switch (storage, other.storage) {
        case (.narrow(let sum), .narrow(let other)):
            other.read(range) { other in
                unsafe other.withUnsafeBufferPointer { other in
                    unsafe Self.write(sum, range) {
                        unsafe sotto_add_int32_to_narrow($0, other.baseAddress, other.count)
                    }
                }
            }
        case (.wide(let sum), .narrow(let other)):
            other.read(range) { other in
                sum.write(range) { IntegerKernels.add(other, to: &$0) }
            }
        case (.wide, .wide(let other)):
            other.read(range) { addIntegers($0, at: range.lowerBound) }
        case (.narrow, .wide):
            preconditionFailure("a wide accumulator does not fit into a narrow one")
        }
    }

    /// Writes the integers of `range`, sign-extended, into `integers`, which has as many elements.
    package func read(_ range: Range<Int>, into integers: inout MutableSpan<Int64>) {
        precondition(range.count == integers.count, "sizes differ")
        for index in integers.indices { integers[index] = 0 }
        switch storage {
        case .narrow(let sum): sum.read(range) { IntegerKernels.add($0, to: &integers) }
        case .wide(let sum): sum.read(range) { sum in for index in sum.indices { integers[index] = sum[index] } }
        }
    }

    /// Lends the elements of `range` to C.
    private static func write<Element, Result>(
        _ sum: Buffer<Element>,
        _ range: Range<Int>,
        _ body: (UnsafeMutablePointer<Element>?) -> Result
    ) -> Result {
        sum.write(range) { sum in unsafe sum.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress) } }
    }
}
