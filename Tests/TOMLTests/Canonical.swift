// SPDX-License-Identifier: Apache-2.0

import TOML

/// A value on one line, as Tests/Fixtures/toml/make_cases.py writes it.
func canonical(_ value: TOMLValue) -> String {
    switch value {
    case .string(let string): hexadecimal(string)
    case .integer(let integer): "i:\(integer)"
    case .number(let number): number.isNaN ? "f:nan" : "f:" + String(number.bitPattern, radix: 16)
    case .boolean(let boolean): "b:\(boolean)"
    case .array, .tables: "[" + (value.array ?? []).map(canonical).joined(separator: ",") + "]"
    case .table(let table): canonical(table)
    }
}

/// A whole table, the same way.
func canonical(_ table: TOMLTable) -> String {
    let entries = table.keys.compactMap { key in table[key].map { "\(hexadecimal(key))=\(canonical($0))" } }
    return "{" + entries.sorted().joined(separator: ",") + "}"
}

private func hexadecimal(_ string: String) -> String {
    "s:" + string.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The line with which a text is refused; nil where it is not.
func refusal(_ text: String) -> String? {
    do throws(TOMLError) {
        _ = try TOMLReader.table(text)
        return nil
    } catch {
        return error.description
    }
}
