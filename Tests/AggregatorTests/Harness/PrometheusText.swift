// SPDX-License-Identifier: Apache-2.0

/// A strict reader of Prometheus's text format 0.0.4, written from its description
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>) and the naming rules
/// (<https://prometheus.io/docs/practices/naming/>).
struct PrometheusText {
    struct Sample: Hashable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    struct Family {
        var type: String
        var help: String
        var samples: [Sample] = []
    }

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var families: [String: Family] = [:]

    init(_ text: String) throws {
        guard text.hasSuffix("\n"), !text.contains("\r") else {
            throw Malformed(description: "does not end its last line")
        }
        var current = ""
        var help: (name: String, text: String)?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            func refuse(_ reason: String) -> Malformed { Malformed(description: "\(line): \(reason)") }
            if line.hasPrefix("# HELP ") {
                let parts = line.dropFirst(7).split(separator: " ", maxSplits: 1)
                guard parts.count == 2, help == nil else { throw refuse("HELP without a text or a TYPE before") }
                help = (String(parts[0]), String(parts[1]))
            } else if line.hasPrefix("# TYPE ") {
                let parts = line.dropFirst(7).split(separator: " ")
                guard parts.count == 2, let given = help, given.name == parts[0] else {
                    throw refuse("TYPE without its HELP")
                }
                guard ["counter", "gauge", "histogram"].contains(parts[1]) else { throw refuse("an unknown type") }
                current = given.name
                guard families[current] == nil else { throw refuse("a family comes twice") }
                guard Self.isName(current), (parts[1] == "counter") == current.hasSuffix("_total") else {
                    throw refuse("a counter's name ends in _total, and no other's")
                }
                families[current] = Family(type: String(parts[1]), help: given.text)
                help = nil
            } else {
                guard help == nil, let family = families[current] else { throw refuse("a sample before its TYPE") }
                let sample = try Self.sample(line)
                let names =
                    family.type == "histogram" ? ["_bucket", "_sum", "_count"].map { current + $0 } : [current]
                guard names.contains(sample.name) else { throw refuse("a sample of another family") }
                guard !family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
                    throw refuse("a sample comes twice")
                }
                families[current]?.samples.append(sample)
            }
        }
        guard help == nil else { throw Malformed(description: "ends with a HELP") }
        for (name, family) in families {
            guard !family.samples.isEmpty else { throw Malformed(description: "\(name): has no sample") }
            if family.type == "histogram" { try Self.checkHistogram(name, family) }
            if family.type == "counter", family.samples.contains(where: { !($0.value >= 0 && $0.value.isFinite) }) {
                throw Malformed(description: "\(name): a counter is finite and not negative")
            }
        }
    }

    /// The one sample with these labels.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        families[name]?.samples.first { $0.labels == labels }?.value
    }

    private static func isName(_ text: some StringProtocol, colons: Bool = true) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
                || colons && byte == 58
        }
    }

    private static func sample(_ line: Substring) throws -> Sample {
        func refuse(_ reason: String) -> Malformed { Malformed(description: "\(line): \(reason)") }
        var rest = line
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        guard isName(name) else { throw refuse("not a name") }
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = String(rest.prefix { $0 != "=" })
                guard isName(label, colons: false), rest.dropFirst(label.count).hasPrefix("=\"") else {
                    throw refuse("not a label")
                }
                rest = rest.dropFirst(label.count + 2)
                var value = ""
                while let character = rest.first, character != "\"" {
                    rest = rest.dropFirst()
                    guard character == "\\" else {
                        value.append(character)
                        continue
                    }
                    switch rest.popFirst() {
                    case "\\": value.append("\\")
                    case "\"": value.append("\"")
                    case "n": value.append("\n")
                    default: throw refuse("an unknown escape")
                    }
                }
                guard rest.popFirst() == "\"", labels.updateValue(value, forKey: label) == nil else {
                    throw refuse("a label that does not end or comes twice")
                }
                if rest.first == "," { rest = rest.dropFirst() } else if rest.first != "}" { throw refuse("no comma") }
            }
            rest = rest.dropFirst()
        }
        guard rest.popFirst() == " ", let value = number(String(rest)) else { throw refuse("not a number") }
        return Sample(name: name, labels: labels, value: value)
    }

    private static func number(_ text: String) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: text.utf8.allSatisfy { (43...57).contains($0) || $0 == 101 } ? Double(text) : nil
        }
    }

    /// Buckets do not fall, end with +Inf, and agree with the count.
    private static func checkHistogram(_ name: String, _ family: Family) throws {
        let groups = Dictionary(grouping: family.samples) { $0.labels.filter { $0.key != "le" } }
        for (labels, samples) in groups {
            let buckets = samples.filter { $0.name == name + "_bucket" }
            let bounds = buckets.compactMap { $0.labels["le"].flatMap(number) }
            let counts = buckets.map(\.value)
            guard bounds.count == buckets.count, bounds == bounds.sorted(), bounds.last == .infinity,
                counts == counts.sorted(),
                samples.filter({ $0.name == name + "_count" }).map(\.value) == [counts.last ?? -1],
                samples.filter({ $0.name == name + "_sum" }).count == 1
            else { throw Malformed(description: "\(name)\(labels): is no histogram") }
        }
    }
}
