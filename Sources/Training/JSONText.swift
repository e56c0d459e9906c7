// SPDX-License-Identifier: Apache-2.0

/// JSON (RFC 8259) from `Encodable` values, and values from it.
///
/// Keys keep the order in which they were encoded, an absent optional is `null`, and numbers are the shortest decimal that
/// reads back as the same `Double`. The same value always gives the same bytes.
package enum JSONText {
    /// The text of `value`.
    ///
    /// - Parameter pretty: one member a line, indented by two spaces; otherwise one line.
    /// - Throws: ``TrainingError/notRepresentable(field:)`` for an infinity or a NaN.
    package static func encode(_ value: some Encodable, pretty: Bool = false) throws(TrainingError) -> String {
        let root = JSONNode()
        do {
            try value.encode(to: JSONTreeEncoder(node: root, codingPath: []))
        } catch let error as TrainingError {
            throw error
        } catch {
            throw .notRepresentable(field: "\(type(of: value))")
        }
        var text = ""
        root.write(to: &text, indent: pretty ? 0 : nil)
        return text
    }
}

/// One value of a JSON document under construction.
private final class JSONNode {
    enum Content {
        case literal(String)
        case string(String)
        case array([JSONNode])
        case object([(key: String, value: JSONNode)])
    }

    var content = Content.literal("null")

    func member(_ key: String) -> JSONNode {
        let node = JSONNode()
        if case .object(var members) = content {
            members.append((key, node))
            content = .object(members)
        } else {
            content = .object([(key, node)])
        }
        return node
    }

    func element() -> JSONNode {
        let node = JSONNode()
        if case .array(var elements) = content {
            elements.append(node)
            content = .array(elements)
        } else {
            content = .array([node])
        }
        return node
    }

    func write(to text: inout String, indent: Int?) {
        switch content {
        case .literal(let literal): text += literal
        case .string(let string): Self.quote(string, into: &text)
        case .array(let elements):
            Self.list("[", "]", elements, &text, indent) { element, text, indent in
                element.write(to: &text, indent: indent)
            }
        case .object(let members):
            Self.list("{", "}", members, &text, indent) { member, text, indent in
                Self.quote(member.key, into: &text)
                text += indent == nil ? ":" : ": "
                member.value.write(to: &text, indent: indent)
            }
        }
    }

    private static func list<Item>(
        _ open: String,
        _ close: String,
        _ items: [Item],
        _ text: inout String,
        _ indent: Int?,
        _ write: (Item, inout String, Int?) -> Void
    ) {
        text += open
        let inner = indent.map { $0 + 2 }
        for (index, item) in items.enumerated() {
            if index > 0 { text += "," }
            if let inner { text += "\n" + String(repeating: " ", count: inner) }
            write(item, &text, inner)
        }
        if let indent, !items.isEmpty { text += "\n" + String(repeating: " ", count: indent) }
        text += close
    }

    private static func quote(_ string: String, into text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

private struct JSONTreeEncoder: Encoder {
    let node: JSONNode
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.content = .object([])
        return KeyedEncodingContainer(Members(node: node, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.content = .array([])
        return Elements(node: node, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        Scalar(node: node, codingPath: codingPath)
    }
}

extension JSONNode {
    /// Scalars are written here; everything else encodes itself.
    func encode(_ value: some Encodable, at path: [any CodingKey]) throws {
        switch value {
        case let value as String: content = .string(value)
        case let value as Bool: content = .literal(value ? "true" : "false")
        case let value as any BinaryInteger: content = .literal("\(value)")
        case let value as Double: try encode(value, at: path)
        case let value as Float: try encode(Double(value), at: path)
        default: try value.encode(to: JSONTreeEncoder(node: self, codingPath: path))
        }
    }

    private func encode(_ value: Double, at path: [any CodingKey]) throws {
        guard value.isFinite else {
            throw TrainingError.notRepresentable(field: path.map(\.stringValue).joined(separator: "."))
        }
        let text = value.description
        content = .literal(text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
    }
}

private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: JSONNode
    let codingPath: [any CodingKey]

    func encodeNil(forKey key: Key) { _ = node.member(key.stringValue) }

    func encode(_ value: some Encodable, forKey key: Key) throws {
        try node.member(key.stringValue).encode(value, at: codingPath + [key])
    }

    func encodeIfPresent(_ value: (some Encodable)?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: String?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try optional(value, key) }

    private func optional(_ value: (some Encodable)?, _ key: Key) throws {
        if let value { try encode(value, forKey: key) } else { encodeNil(forKey: key) }
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        JSONTreeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        JSONTreeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key]).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { JSONTreeEncoder(node: node.member("super"), codingPath: codingPath) }

    func superEncoder(forKey key: Key) -> any Encoder {
        JSONTreeEncoder(node: node.member(key.stringValue), codingPath: codingPath + [key])
    }
}

private struct Elements: UnkeyedEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]
    var count: Int {
        if case .array(let elements) = node.content { elements.count } else { 0 }
    }

    func encodeNil() { _ = node.element() }

    func encode(_ value: some Encodable) throws { try node.element().encode(value, at: codingPath) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        JSONTreeEncoder(node: node.element(), codingPath: codingPath).container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONTreeEncoder(node: node.element(), codingPath: codingPath).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { JSONTreeEncoder(node: node.element(), codingPath: codingPath) }
}

private struct Scalar: SingleValueEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]

    func encodeNil() { node.content = .literal("null") }

    func encode(_ value: some Encodable) throws { try node.encode(value, at: codingPath) }
}
