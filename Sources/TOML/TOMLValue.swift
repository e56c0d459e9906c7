// SPDX-License-Identifier: Apache-2.0

/// A value of a TOML file.
package enum TOMLValue {
    case string(String)
    case integer(Int)
    case number(Double)
    case boolean(Bool)
    /// `[a, b]`.
    case array([TOMLValue])
    /// `[[key]]`, which later headers add to.
    case tables(TOMLTables)
    case table(TOMLTable)

    package var string: String? { if case .string(let string) = self { string } else { nil } }
    package var integer: Int? { if case .integer(let integer) = self { integer } else { nil } }
    package var boolean: Bool? { if case .boolean(let boolean) = self { boolean } else { nil } }
    package var table: TOMLTable? { if case .table(let table) = self { table } else { nil } }

    /// A number, whole or not.
    package var number: Double? {
        switch self {
        case .number(let number): number
        case .integer(let integer): Double(integer)
        default: nil
        }
    }

    /// The elements of either form of list.
    package var array: [TOMLValue]? {
        switch self {
        case .array(let array): array
        case .tables(let tables): tables.list.map { .table($0) }
        default: nil
        }
    }

    /// The type in words.
    package var typeName: String {
        switch self {
        case .string: "a string"
        case .integer: "a whole number"
        case .number: "a number"
        case .boolean: "a boolean"
        case .array, .tables: "a list"
        case .table: "a table"
        }
    }
}

/// The tables under `[[key]]`, at least one.
package final class TOMLTables {
    package internal(set) var list: [TOMLTable]

    init(_ first: TOMLTable) {
        list = [first]
    }
}

/// A table: values by key.
package final class TOMLTable {
    /// What made a table decides what may still be added to it.
    enum Origin {
        /// The part of a header before its last dot: a header of its own may follow.
        case implied
        /// `[key]` or `[[key]]`, or the whole file.
        case header
        /// `key.inside = value`: only further dotted keys of the same table may add to it.
        case dotted
        /// `{ }`: complete.
        case inline
    }

    var entries: [String: TOMLValue] = [:]
    var origin: Origin
    /// How many tables and lists it is inside of.
    let depth: Int

    init(_ origin: Origin, depth: Int) {
        self.origin = origin
        self.depth = depth
    }

    /// The value of a key; nil where the table does not have it.
    package subscript(key: String) -> TOMLValue? { entries[key] }

    /// Every key, sorted.
    package var keys: [String] { entries.keys.sorted() }
}

/// A place at which a text is not TOML.
package struct TOMLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Counted from 1.
    package let line: Int
    /// What is wrong there, on one line.
    package let reason: String

    package var description: String { "line \(line): \(reason)" }
}
