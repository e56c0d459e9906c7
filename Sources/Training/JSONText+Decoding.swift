// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// JSON that is none, or does not have the members that were expected; one line: what, where, what would be right.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
}

extension JSONText {
    /// A value from its text. Members that the type does not have are ignored.
    package static func decode<Value: Decodable>(
        _ type: Value.Type,
        from bytes: [UInt8]
    ) throws(JSONError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw JSONError(description: describe(error))
        }
    }

    private static func describe(_ error: any Error) -> String {
        func place(_ path: [any CodingKey]) -> String {
            let text = path.reduce("") { text, key in
                text + (key.intValue.map { "[\($0)]" } ?? (text.isEmpty ? "" : ".") + key.stringValue)
            }
            return text.isEmpty ? "the document" : text
        }
        return switch error as? DecodingError {
        case .keyNotFound(let key, let context)?: "\(place(context.codingPath + [key])): is missing"
        case .valueNotFound(_, let context)?: "\(place(context.codingPath)): is null"
        case .typeMismatch(let type, let context)?: "\(place(context.codingPath)): expected a value of type \(type)"
        case .dataCorrupted(let context)? where context.codingPath.isEmpty: "not a JSON document"
        case .dataCorrupted(let context)?: "\(place(context.codingPath)): \(context.debugDescription)"
        default: "not a JSON document"
        }
    }
}
