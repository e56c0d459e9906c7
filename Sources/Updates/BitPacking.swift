// SPDX-License-Identifier: Apache-2.0

/// The codec ``UpdateCodec/packed``: coordinate i is the ring's residue in `bits` bits at bit position i * bits of the
/// payload, counted from the lowest bit of the first byte; the bits after the last coordinate are zero.
enum BitPacking {
    static func byteCount(count: Int, ring: Ring) -> Int {
        (count * ring.bits + 7) / 8
    }

    /// - Parameter output: exactly ``byteCount(count:ring:)`` bytes, all overwritten.
    static func pack(_ values: Span<Int64>, in ring: Ring, into output: inout MutableSpan<UInt8>) {
        precondition(output.count == byteCount(count: values.count, ring: ring), "the output holds the packed values")
        let mask = (UInt64(1) << UInt64(ring.bits)) - 1
        var pending: UInt128 = 0
        var pendingBits = 0
        var next = 0
        for index in values.indices {
            pending |= UInt128(UInt64(bitPattern: values[index]) & mask) &<< UInt128(pendingBits)
            pendingBits += ring.bits
            while pendingBits >= 8 {
                output[next] = UInt8(truncatingIfNeeded: pending)
                next += 1
                pending &>>= 8
                pendingBits -= 8
            }
        }
        if pendingBits > 0 {
            output[next] = UInt8(truncatingIfNeeded: pending)
        }
    }

    /// Refuses a payload of another length or with a bit set behind the last coordinate; every other payload is valid.
    static func validate(_ payload: Span<UInt8>, count: Int, ring: Ring) throws(UpdateError) {
        let expected = byteCount(count: count, ring: ring)
        guard payload.count == expected else {
            throw .wrongLength(what: "packed payload", found: payload.count, expected: expected)
        }
        let used = (count * ring.bits - 1) % 8 + 1
        guard used == 8 || payload[expected - 1] >> UInt8(used) == 0 else {
            throw .malformed(what: "packed payload's last byte", expected: "zero bits behind the last coordinate")
        }
    }

    /// Adds a valid payload to a sum modulo 2^64; `sum.count` is the number of coordinates.
    static func add(_ payload: Span<UInt8>, in ring: Ring, to sum: inout MutableSpan<Int64>) {
        precondition(payload.count == byteCount(count: sum.count, ring: ring), "the payload was validated")
        let mask = (UInt64(1) << UInt64(ring.bits)) - 1
        var pending: UInt128 = 0
        var pendingBits = 0
        var next = 0
        for index in sum.indices {
            while pendingBits < ring.bits {
                pending |= UInt128(payload[next]) &<< UInt128(pendingBits)
                next += 1
                pendingBits += 8
            }
            sum[index] &+= ring.reduce(Int64(bitPattern: UInt64(truncatingIfNeeded: pending) & mask))
            pending &>>= UInt128(ring.bits)
            pendingBits -= ring.bits
        }
    }
}
