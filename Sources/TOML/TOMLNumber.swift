// SPDX-License-Identifier: Apache-2.0

/// TOML's words without quotes: booleans, whole numbers of 64 bits, and floats.
enum TOMLNumber {
    /// The value of a word, nil where it has none.
    static func value(_ word: String) -> TOMLValue? {
        switch word {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf": return .number(.infinity)
        case "-inf": return .number(-.infinity)
        case "nan", "+nan", "-nan": return .number(.nan)
        default: break
        }
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where word.hasPrefix(prefix) {
            let digits = Array(word.utf8.dropFirst(2))
            guard digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-"),
                let plain = withoutUnderscores(digits, between: isHexadecimal)
            else { return nil }
            return Int(plain, radix: radix).map { .integer($0) }
        }
        guard let plain = withoutUnderscores(Array(word.utf8), between: isDigit) else { return nil }
        switch form(Array(plain.utf8)) {
        case .integer: return Int(plain).map { .integer($0) }
        case .float: return Double(plain).map { .number($0) }
        case nil: return nil
        }
    }

    /// The same digits without underscores, which may stand between two digits only.
    private static func withoutUnderscores(_ word: [UInt8], between isDigit: (UInt8) -> Bool) -> String? {
        var plain: [UInt8] = []
        for (index, byte) in word.enumerated() {
            guard byte == UInt8(ascii: "_") else {
                plain.append(byte)
                continue
            }
            guard index > 0, index + 1 < word.count, isDigit(word[index - 1]), isDigit(word[index + 1])
            else {
                return nil
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }

    private enum Form {
        case integer, float
    }

    /// Whether a word is `[+-] digits`, with a fraction or an exponent for floats; digits do not begin with 0.
    private static func form(_ word: [UInt8]) -> Form? {
        var rest = word[...]
        func digits(_ rest: inout ArraySlice<UInt8>) -> Int {
            let count = rest.prefix(while: isDigit).count
            rest = rest.dropFirst(count)
            return count
        }
        func skipSign(_ rest: inout ArraySlice<UInt8>) {
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        }
        skipSign(&rest)
        let startsWithZero = rest.first == UInt8(ascii: "0")
        let whole = digits(&rest)
        guard whole >= 1, !startsWithZero || whole == 1 else { return nil }
        guard !rest.isEmpty else { return .integer }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard digits(&rest) >= 1 else { return nil }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            skipSign(&rest)
            guard digits(&rest) >= 1 else { return nil }
        }
        return rest.isEmpty ? .float : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        Character(Unicode.Scalar(byte)).isHexDigit
    }
}
