// SPDX-License-Identifier: Apache-2.0

/// Writes the canonical encoding: big-endian integers, `Double` as its bit pattern, bytes and UTF-8 text behind a
/// 32-bit length. Nothing is optional in place, so two different values never share an encoding.
package struct CanonicalEncoder {
    /// What has been written.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        for shift in stride(from: Integer.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Integer(shift)))
        }
    }

    package mutating func append(_ value: Double) { append(value.bitPattern) }

    /// Fewer than 2^32 bytes.
    package mutating func append(_ value: [UInt8]) {
        append(UInt32(value.count))
        bytes += value
    }

    package mutating func append(_ value: String) { append([UInt8](value.utf8)) }
}

/// Reads the canonical encoding and refuses everything else.
package struct CanonicalDecoder {
    private let bytes: [UInt8]
    /// Where the next field starts.
    package private(set) var offset = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var isAtEnd: Bool { offset == bytes.count }

    package func malformed(_ what: String) -> AccountingError { .malformedEncoding(what: what, offset: offset) }

    package mutating func integer<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self
    ) throws(AccountingError) -> Integer {
        let width = Integer.bitWidth / 8
        guard bytes.count - offset >= width else { throw malformed("the bytes end inside an integer") }
        var value: Integer = 0
        for index in offset..<offset + width {
            value =
                Integer.bitWidth == 8 ? Integer(truncatingIfNeeded: bytes[index]) : value << 8 | Integer(bytes[index])
        }
        offset += width
        return value
    }

    /// A finite number; negative zero is not canonical.
    package mutating func double() throws(AccountingError) -> Double {
        let value = Double(bitPattern: try integer(UInt64.self))
        guard value.isFinite, !(value == 0 && value.sign == .minus) else { throw malformed("not a canonical number") }
        return value
    }

    /// At most `limit` bytes.
    package mutating func byteString(limit: Int) throws(AccountingError) -> [UInt8] {
        let count = Int(try integer(UInt32.self))
        guard count <= limit else { throw malformed("\(count) bytes where at most \(limit) are allowed") }
        guard bytes.count - offset >= count else { throw malformed("the bytes end inside a field") }
        defer { offset += count }
        return [UInt8](bytes[offset..<offset + count])
    }

    /// Valid UTF-8 of at most `limit` bytes.
    package mutating func string(limit: Int) throws(AccountingError) -> String {
        let utf8 = try byteString(limit: limit)
        guard let text = String(validating: utf8, as: UTF8.self) else { throw malformed("not UTF-8") }
        return text
    }

    package func finish() throws(AccountingError) {
        guard isAtEnd else { throw malformed("\(bytes.count - offset) bytes too many") }
    }
}
