// SPDX-License-Identifier: Apache-2.0

extension TOMLReader {
    /// The value at the next byte.
    mutating func value(depth: Int) throws(TOMLError) -> TOMLValue {
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string(isKey: false))
        case UInt8(ascii: "["):
            try checkDepth(depth)
            return .array(try list(depth: depth))
        case UInt8(ascii: "{"):
            try checkDepth(depth)
            return .table(try inlineTable(depth: depth))
        default: return try word()
        }
    }

    private mutating func list(depth: Int) throws(TOMLError) -> [TOMLValue] {
        position += 1
        var values: [TOMLValue] = []
        while true {
            try skipLines()
            if take("]") { return values }
            values.append(try value(depth: depth + 1))
            try skipLines()
            guard take(",") || next == UInt8(ascii: "]") else { throw error("expected , or ], found \(found)") }
        }
    }

    private mutating func inlineTable(depth: Int) throws(TOMLError) -> TOMLTable {
        position += 1
        let table = TOMLTable(.inline, depth: depth)
        skipSpaces()
        if take("}") { return table }
        while true {
            try keyAndValue(into: table)
            skipSpaces()
            if take("}") { return table }
            guard take(",") else { throw error("expected , or }, found \(found)") }
        }
    }

    /// A boolean or a number.
    private mutating func word() throws(TOMLError) -> TOMLValue {
        let start = position
        while let byte = next,
            Self.isBare(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+")
                || byte == UInt8(ascii: ":")
        {
            position += 1
        }
        guard position > start else { throw error("expected a value, found \(found)") }
        let word = String(decoding: bytes[start..<position], as: UTF8.self)
        guard let value = TOMLNumber.value(word) else {
            throw error("\(Wording.quoted(word)) is not a value; strings need quotes")
        }
        return value
    }

    /// A string in its quotes; `'''` and `"""` are for values only.
    mutating func string(isKey: Bool) throws(TOMLError) -> String {
        let quote = bytes[position]
        let isLiteral = quote == UInt8(ascii: "'")
        position += 1
        var isLong = false
        if next == quote {
            position += 1
            guard next == quote, !isKey else { return "" }
            position += 1
            isLong = true
            _ = takeLineBreak()
        }
        var text: [UInt8] = []
        while let byte = next {
            if byte == quote, endsString(quote, isLong: isLong, &text) {
                return String(decoding: text, as: UTF8.self)
            } else if byte == quote {
                continue
            } else if byte == UInt8(ascii: "\\"), !isLiteral {
                try escape(isLong: isLong, into: &text)
            } else if isLong, takeLineBreak() {
                text.append(UInt8(ascii: "\n"))
            } else {
                guard !Self.isControl(byte) else { throw error("a string is not closed, or has a control character") }
                text.append(byte)
                position += 1
            }
        }
        throw error("a string is not closed")
    }

    /// Steps over quotes in a string, and says whether they end it; up to two of a long string's may belong to it.
    private mutating func endsString(_ quote: UInt8, isLong: Bool, _ text: inout [UInt8]) -> Bool {
        var count = 0
        while next == quote, count < (isLong ? 5 : 1) {
            count += 1
            position += 1
        }
        guard isLong else { return true }
        text += Array(repeating: quote, count: count >= 3 ? count - 3 : count)
        return count >= 3
    }

    private mutating func escape(isLong: Bool, into text: inout [UInt8]) throws(TOMLError) {
        position += 1
        if isLong, skipFoldedLines() { return }
        let byte = next
        position += 1
        switch byte {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(byte ?? 0)
        case UInt8(ascii: "u"): text += try unicode(digits: 4)
        case UInt8(ascii: "U"): text += try unicode(digits: 8)
        default: throw error("a string has an unknown escape; a \\ itself is \\\\")
        }
    }

    /// Steps over a line break behind a `\` and all the white space that follows; false where there is none.
    private mutating func skipFoldedLines() -> Bool {
        let start = position
        skipSpaces()
        guard takeLineBreak() else {
            position = start
            return false
        }
        repeat { skipSpaces() } while takeLineBreak()
        return true
    }

    private mutating func unicode(digits: Int) throws(TOMLError) -> [UInt8] {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("an escape needs \(digits) hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        guard let scalar = Unicode.Scalar(value) else { throw error("an escape names no character") }
        return Array(String(Character(scalar)).utf8)
    }
}
