// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography

/// The modular sum of the updates of a round, one vector whatever their number.
///
/// Sums are kept modulo 2^64 and reduced when read, which is exact because the ring's size divides 2^64. Adding each
/// update once is the caller's: a sum does not know whose update it holds. Below the round's minimum it is as secret as
/// an update; it is erased when it ends.
package struct RunningSum: ~Copyable, Sendable {
    package let ring: Ring
    /// The number of coordinates.
    package let count: Int
    /// How many updates were added, fewer than 2^32.
    package private(set) var updates: Int
    private var sums: SecretBuffer<Int64>

    private static let label = "sotto/1 running sum"

    /// The empty sum.
    ///
    /// - Throws: ``UpdateError/outOfRange(what:found:expected:)`` unless `count` is in ``Ring/countRange``.
    package init(ring: Ring, count: Int) throws(UpdateError) {
        try Self.require(count: count)
        self.ring = ring
        self.count = count
        updates = 0
        sums = SecretBuffer(count: count)
    }

    /// Adds one update, straight from its decoded form.
    package mutating func add(_ update: borrowing DecodedUpdate) throws(UpdateError) {
        try require(ring: update.ring, count: update.count)
        sums.withMutableSpan { update.add(to: &$0) }
        updates += 1
    }

    /// Adds another sum of other updates.
    package mutating func add(_ other: borrowing RunningSum) throws(UpdateError) {
        try require(ring: other.ring, count: other.count)
        sums.withMutableSpan { sums in
            other.sums.withSpan { other in
                for index in sums.indices {
                    sums[index] &+= other[index]
                }
            }
        }
        updates += other.updates
    }

    /// The sum's centred representatives: the exact sum where nothing wrapped around.
    package borrowing func decoded() -> [Int64] {
        sums.withSpan { sums in sums.indices.map { ring.reduce(sums[$0]) } }
    }

    /// The sum as bytes, to be stored encrypted. In this order: the text `sotto/1 running sum`, ring bits (32 bits),
    /// count (64), updates (64), the residues as ``UpdateCodec/packed``; text and residues behind their length in 32
    /// bits, all integers big-endian.
    package borrowing func serialized() -> [UInt8] {
        var residues = [UInt8](repeating: 0, count: BitPacking.byteCount(count: count, ring: ring))
        defer { erase(&residues) }
        sums.withSpan { sums in
            var bytes = residues.mutableSpan
            BitPacking.pack(sums, in: ring, into: &bytes)
        }
        var encoder = CanonicalEncoder()
        encoder.append(Self.label)
        encoder.append(UInt32(ring.bits))
        encoder.append(UInt64(count))
        encoder.append(UInt64(updates))
        encoder.append(residues)
        return encoder.bytes
    }

    /// The sum that `serialized()` wrote.
    ///
    /// - Parameters:
    ///   - ring: what the plan says; another ring in the bytes is refused, as is another count.
    /// - Throws: ``UpdateError``, before memory is taken where a length is wrong.
    package init(serialized bytes: [UInt8], ring: Ring, count: Int) throws(UpdateError) {
        var (updates, residues) = try Self.parse(bytes, ring: ring, count: count)
        defer { erase(&residues) }
        try self.init(ring: ring, count: count)
        self.updates = updates
        sums.withMutableSpan { BitPacking.add(residues.span, in: ring, to: &$0) }
    }

    private static func parse(
        _ bytes: [UInt8],
        ring: Ring,
        count: Int
    ) throws(UpdateError) -> (updates: Int, residues: [UInt8]) {
        try require(count: count)
        let fields: (label: String, bits: UInt32, count: UInt64, updates: UInt64, residues: [UInt8])
        do {
            var decoder = CanonicalDecoder(bytes)
            fields.label = try decoder.string(limit: label.utf8.count)
            fields.bits = try decoder.integer()
            fields.count = try decoder.integer()
            fields.updates = try decoder.integer()
            fields.residues = try decoder.byteString(limit: BitPacking.byteCount(count: count, ring: ring))
            try decoder.finish()
        } catch {
            throw .malformed(what: "running sum's bytes", expected: "what a sum of this ring and count writes")
        }
        guard fields.label == label, let updates = UInt32(exactly: fields.updates) else {
            throw .malformed(what: "running sum's label or number of updates", expected: "\"\(label)\"")
        }
        try require(field: "ring bits", Int(fields.bits), equals: ring.bits)
        try require(field: "count", Int(clamping: fields.count), equals: count)
        let residues = fields.residues
        try BitPacking.validate(residues.span, count: count, ring: ring)
        return (Int(updates), residues)
    }

    private borrowing func require(ring: Ring, count: Int) throws(UpdateError) {
        try Self.require(field: "ring bits", ring.bits, equals: self.ring.bits)
        try Self.require(field: "count", count, equals: self.count)
    }

    private static func require(count: Int) throws(UpdateError) {
        guard Ring.countRange.contains(count) else {
            throw .outOfRange(what: "coordinates", found: "\(count)", expected: "1 to \(Ring.countRange.upperBound)")
        }
    }

    private static func require(field: String, _ found: Int, equals expected: Int) throws(UpdateError) {
        guard found == expected else { throw .sumMismatch(field: field, found: found, expected: expected) }
    }
}
