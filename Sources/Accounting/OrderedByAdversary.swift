// SPDX-License-Identifier: Apache-2.0

/// Values by adversary, written in the canonical order of adversaries, so that the same values always give the same text.
@propertyWrapper
package struct OrderedByAdversary<Value: Hashable & Sendable & Codable>: Hashable, Sendable, Codable {
    package var wrappedValue: [Adversary: Value]

    package init(wrappedValue: [Adversary: Value]) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws {
        wrappedValue = try decoder.singleValueContainer().decode([Adversary: Value].self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Adversary.Key.self)
        for (adversary, value) in wrappedValue.sorted(by: { $0.key < $1.key }) {
            try container.encode(value, forKey: Adversary.Key(stringValue: adversary.description))
        }
    }
}
