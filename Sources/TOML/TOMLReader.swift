// SPDX-License-Identifier: Apache-2.0

/// Reads TOML 1.0 (toml.io) but dates and times, which no file of ours has.
///
/// The room *TOML* turns the text of an operator's file into a table of typed values and nothing else. Whatever the text
/// is, the answer is a table or an error with its line, never a trap; time and memory are proportional to the length of
/// the text, and recursion goes `mostDepth` deep. It opens no files and knows no keys: what may stand in a file, its
/// readers decide, who see every key of every table.
///
/// It is our own for one reason: a typing error must not end a server. The TOML package that our builds can take, TOMLKit
/// 0.6.0, holds a copy of toml++ whose assertions SwiftPM leaves on in release builds, and aborts at `[!]` and `a = ,`.
/// Without assertions toml++ (3.3.0) takes mutated files into code that its compiler was told is unreachable. A package
/// in pure Swift that holds up against Tests/TOMLTests may take this room's place.
package struct TOMLReader {
    /// How many tables and lists may be inside of each other.
    package static let mostDepth = 128

    let bytes: [UInt8]
    var position = 0
    private(set) var line = 1

    private init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// The table that a text describes.
    ///
    /// - Throws: ``TOMLError`` at the first place where the text is not TOML.
    package static func table(_ text: String) throws(TOMLError) -> TOMLTable {
        var reader = TOMLReader(text)
        return try reader.document()
    }

    /// The next byte, nil at the end.
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    func error(_ reason: String) -> TOMLError { TOMLError(line: line, reason: reason) }

    /// Steps over a byte where it is the next one.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    mutating func skipSpaces() {
        while let byte = next, byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { position += 1 }
    }

    /// Steps over one line break where there is one.
    mutating func takeLineBreak() -> Bool {
        if next == UInt8(ascii: "\r"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "\n") {
            position += 1
        }
        guard take("\n") else { return false }
        line += 1
        return true
    }

    /// Steps over a comment where there is one.
    mutating func skipComment() throws(TOMLError) {
        guard take("#") else { return }
        while let byte = next, byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") {
            guard !Self.isControl(byte) else { throw error("a comment has a control character") }
            position += 1
        }
    }

    /// Steps over spaces, comments and line breaks, between the elements of a list.
    mutating func skipLines() throws(TOMLError) {
        repeat {
            skipSpaces()
            try skipComment()
        } while takeLineBreak()
    }

    /// Whether a byte may stand in no text: all below a space but the tab, and DEL.
    static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 && byte != 0x09 || byte == 0x7F }

    /// Whether a key without quotes may have a byte.
    static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// What stands at the next byte, for errors.
    var found: String {
        guard let byte = next else { return "the end of the file" }
        guard byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") else { return "the end of the line" }
        let character = String(decoding: bytes[position..<min(position + 16, bytes.count)], as: UTF8.self).prefix(1)
        return Wording.quoted(String(character))
    }

    private mutating func document() throws(TOMLError) -> TOMLTable {
        let root = TOMLTable(.header, depth: 0)
        var current = root
        while true {
            try skipLines()
            guard next != nil else { return root }
            if take("[") {
                current = try header(root)
            } else {
                try keyAndValue(into: current)
            }
            skipSpaces()
            try skipComment()
            guard next == nil || takeLineBreak() else { throw error("expected the end of the line, found \(found)") }
        }
    }

    /// `[a.b]` or `[[a.b]]`, after its first bracket: the table that the following lines belong to.
    private mutating func header(_ root: TOMLTable) throws(TOMLError) -> TOMLTable {
        let isList = take("[")
        skipSpaces()
        let path = try key()
        guard take("]"), !isList || take("]") else { throw error("expected \(isList ? "]]" : "]"), found \(found)") }
        let parent = try descend(root, path.dropLast(), implied: .implied)
        let name = path[path.count - 1]
        switch parent[name] {
        case nil:
            let table = try child(of: parent, .header)
            parent.entries[name] = isList ? .tables(TOMLTables(table)) : .table(table)
            return table
        case .tables(let tables) where isList:
            let table = try child(of: parent, .header)
            tables.list.append(table)
            return table
        case .table(let table) where !isList && table.origin == .implied:
            table.origin = .header
            return table
        default:
            throw error("\(Wording.quoted(name)) is already there")
        }
    }

    /// `a.b = value`.
    mutating func keyAndValue(into table: TOMLTable) throws(TOMLError) {
        let path = try key()
        guard take("=") else { throw error("expected =, found \(found)") }
        skipSpaces()
        let parent = try descend(table, path.dropLast(), implied: .dotted)
        let name = path[path.count - 1]
        guard parent[name] == nil else { throw error("\(Wording.quoted(name)) is already there") }
        parent.entries[name] = try value(depth: parent.depth + 1)
    }

    /// The table at the end of a path, made where it is not there.
    private func descend(
        _ start: TOMLTable,
        _ path: ArraySlice<String>,
        implied origin: TOMLTable.Origin
    ) throws(TOMLError) -> TOMLTable {
        var table = start
        for name in path {
            switch table[name] {
            case nil:
                let inner = try child(of: table, origin)
                table.entries[name] = .table(inner)
                table = inner
            case .table(let inner) where inner.origin == origin || origin == .implied && inner.origin != .inline:
                table = inner
            case .table(let inner) where origin == .dotted && inner.origin == .implied:
                inner.origin = .dotted
                table = inner
            case .tables(let tables) where origin == .implied:
                table = tables.list[tables.list.count - 1]
            default:
                throw error("\(Wording.quoted(name)) is already there, and nothing can be added to it")
            }
        }
        return table
    }

    private func child(of table: TOMLTable, _ origin: TOMLTable.Origin) throws(TOMLError) -> TOMLTable {
        try checkDepth(table.depth + 1)
        return TOMLTable(origin, depth: table.depth + 1)
    }

    func checkDepth(_ depth: Int) throws(TOMLError) {
        guard depth <= Self.mostDepth else { throw error("tables and lists are more than \(Self.mostDepth) deep") }
    }

    /// A dotted key with the spaces around it, at least one part.
    private mutating func key() throws(TOMLError) -> [String] {
        var path: [String] = []
        repeat {
            skipSpaces()
            path.append(try keyPart())
            skipSpaces()
            try checkDepth(path.count)
        } while take(".")
        return path
    }

    private mutating func keyPart() throws(TOMLError) -> String {
        if next == UInt8(ascii: "\"") || next == UInt8(ascii: "'") { return try string(isKey: true) }
        let start = position
        while let byte = next, Self.isBare(byte) { position += 1 }
        guard position > start else { throw error("expected a key, found \(found)") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }
}
