// SPDX-License-Identifier: Apache-2.0

/// Checks documents against JSON Schema, as far as our own descriptions use it. A keyword that is not known here is a
/// violation, so that nothing passes unchecked.
package struct JSONSchema {
    private let document: JSONValue

    /// - Parameter document: what `$ref` points into.
    package init(document: JSONValue) {
        self.document = document
    }

    /// What of a value does not fit, each with its place; empty when all does.
    package func violations(of value: JSONValue, against schema: JSONValue, at place: String = "$") -> [String] {
        guard let keywords = schema.object else { return ["\(place): the schema is no object"] }
        if let reference = keywords["$ref"]?.string {
            guard let target = resolve(reference) else { return ["\(place): \(reference) does not exist"] }
            return violations(of: value, against: target, at: place)
        }
        return keywords.sorted { $0.key < $1.key }.flatMap { keyword, rule in
            check(keyword, rule, keywords, value, place)
        }
    }

    private func resolve(_ reference: String) -> JSONValue? {
        guard reference.hasPrefix("#/") else { return nil }
        return reference.dropFirst(2).split(separator: "/").reduce(document) { $0?[String($1)] }
    }

    private func check(
        _ keyword: String,
        _ rule: JSONValue,
        _ keywords: [String: JSONValue],
        _ value: JSONValue,
        _ place: String
    ) -> [String] {
        func require(_ holds: Bool) -> [String] { holds ? [] : ["\(place): violates \(keyword) \(rule)"] }
        switch keyword {
        case "description", "contentEncoding":
            return []
        case "type":
            return require(Self.isOf(rule.string ?? "", value))
        case "enum":
            return require(rule.array?.contains(value) ?? false)
        case "pattern":
            guard let text = value.string, let pattern = rule.string, let expression = try? Regex(pattern) else {
                return require(false)
            }
            return require(text.firstMatch(of: expression) != nil)
        case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
            guard let number = value.number, let bound = rule.number else { return require(false) }
            switch keyword {
            case "minimum": return require(number >= bound)
            case "maximum": return require(number <= bound)
            case "exclusiveMinimum": return require(number > bound)
            default: return require(number < bound)
            }
        case "items":
            return (value.array ?? []).enumerated()
                .flatMap { violations(of: $1, against: rule, at: "\(place)[\($0)]") }
        case "required":
            let names = rule.array?.compactMap(\.string) ?? []
            return names.filter { value[$0] == nil }.map { "\(place): lacks \($0)" }
        case "properties":
            return (rule.object ?? [:]).flatMap { name, schema in
                value[name].map { violations(of: $0, against: schema, at: "\(place).\(name)") } ?? []
            }
        case "additionalProperties":
            let known = keywords["properties"]?.object ?? [:]
            return (value.object ?? [:]).filter { known[$0.key] == nil }
                .flatMap { name, member in
                    rule == .boolean(false)
                        ? ["\(place): has an unknown \(name)"]
                        : violations(of: member, against: rule, at: "\(place).\(name)")
                }
        default:
            return ["\(place): the keyword \(keyword) is not known to this checker"]
        }
    }

    private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
        switch (type, value) {
        case ("null", .null), ("boolean", .boolean), ("number", .number), ("string", .string), ("array", .array),
            ("object", .object):
            true
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }
}
