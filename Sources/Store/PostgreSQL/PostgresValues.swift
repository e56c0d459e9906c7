// SPDX-License-Identifier: Apache-2.0

internal import CPostgres

/// The types of PostgreSQL that the store's statements meet, by their object identifiers (`pg_type.dat`).
struct PostgresType: RawRepresentable, Hashable {
    let rawValue: Oid

    static let bytes = PostgresType(rawValue: 17)
    static let name = PostgresType(rawValue: 19)
    static let int8 = PostgresType(rawValue: 20)
    static let int2 = PostgresType(rawValue: 21)
    static let int4 = PostgresType(rawValue: 23)
    static let text = PostgresType(rawValue: 25)
    static let varchar = PostgresType(rawValue: 1043)

    /// A value from the binary form of this type.
    func value(_ bytes: UnsafeRawBufferPointer) throws(PostgresFailure) -> SQLValue {
        switch self {
        case .bytes:
            return .bytes(unsafe [UInt8](bytes))
        case .text, .varchar, .name:
            guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
                throw PostgresFailure(state: "", message: "an answer is not UTF-8", isLost: false)
            }
            return .text(text)
        case .int2 where bytes.count == 2, .int4 where bytes.count == 4, .int8 where bytes.count == 8:
            // Big-endian two's complement: the first byte carries the sign.
            var value = Int64(Int8(bitPattern: unsafe bytes[0]))
            for index in 1..<bytes.count { value = unsafe value << 8 | Int64(bytes[index]) }
            return .integer(value)
        default:
            throw PostgresFailure(
                state: "",
                message: "an answer has a type that is not understood (\(rawValue))",
                isLost: false
            )
        }
    }
}

/// The parameters of a statement, in binary form.
struct PostgresParameters {
    /// All values behind each other, and one byte more, so that the last one has an address though it be empty: for libpq, a
    /// value without an address is NULL.
    private var bytes: [UInt8] = [0]
    private var starts: [Int?] = []
    private var lengths: [Int32] = []

    /// Adds a value in the form of the type that the server expects there.
    mutating func append(_ value: SQLValue, as type: PostgresType) throws(PostgresFailure) {
        let start = bytes.count - 1
        switch (value, type) {
        case (.null, _):
            starts.append(nil)
            lengths.append(0)
            return
        case (.integer(let integer), .int8):
            append(integer)
        case (.integer(let integer), .int4):
            guard let narrow = Int32(exactly: integer) else { throw Self.wrong("a whole number in 32 bits") }
            append(narrow)
        case (.integer(let integer), .int2):
            guard let narrow = Int16(exactly: integer) else { throw Self.wrong("a whole number in 16 bits") }
            append(narrow)
        case (.text(let text), .text), (.text(let text), .varchar), (.text(let text), .name):
            append(text.utf8)
        case (.bytes(let value), .bytes):
            append(value)
        default:
            throw Self.wrong("a value of another type (\(type.rawValue))")
        }
        let length = bytes.count - 1 - start
        // The server takes at most 1 GB in one value.
        guard length < 1 << 30 else { throw Self.wrong("a value below 1 GB") }
        starts.append(start)
        lengths.append(Int32(length))
    }

    private mutating func append(_ integer: some FixedWidthInteger) {
        append((0..<integer.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: integer >> ($0 * 8)) })
    }

    private mutating func append(_ value: some Collection<UInt8>) {
        bytes.removeLast()
        bytes.append(contentsOf: value)
        bytes.append(0)
    }

    private static func wrong(_ expected: String) -> PostgresFailure {
        PostgresFailure(state: "", message: "a parameter should be \(expected)", isLost: false)
    }

    /// Lends the parameters as libpq takes them.
    func withPointers<Value>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, [Int32], [Int32]) -> Value
    ) -> Value {
        unsafe bytes.withUnsafeBytes { bytes in
            let base = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = unsafe starts.map { start in
                unsafe start.flatMap { start in unsafe base.map { unsafe $0 + start } }
            }
            return unsafe pointers.withUnsafeBufferPointer { pointers in
                unsafe body(pointers.baseAddress, lengths, [Int32](repeating: 1, count: lengths.count))
            }
        }
    }
}
