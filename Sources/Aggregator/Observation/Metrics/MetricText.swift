// SPDX-License-Identifier: Apache-2.0

/// Metrics in Prometheus's text format 0.0.4
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>), one family after another.
package struct MetricText: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package enum Kind: String, Sendable {
        case counter
        case gauge
        case histogram
    }

    /// A line of a family.
    package struct Sample: Sendable {
        package var labels: [(name: String, value: String)]
        package var value: Double

        package init(_ labels: [(name: String, value: String)] = [], _ value: Double) {
            self.labels = labels
            self.value = value
        }

        package init(_ labels: [(name: String, value: String)] = [], _ value: Int) {
            self.init(labels, Double(value))
        }
    }

    package private(set) var text = ""

    package init() {}

    /// Adds a family; one without samples is left out.
    ///
    /// - Parameters:
    ///   - name: `[a-zA-Z_:][a-zA-Z0-9_:]*`, with its unit; a counter's ends in `_total`.
    ///   - help: one line.
    package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        begin(name, kind, help)
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double) {
        add(name, kind, help, [Sample([], value)])
    }

    /// Adds a family of histograms.
    package mutating func add(
        _ name: String,
        _ help: String,
        _ histograms: [(labels: [(name: String, value: String)], histogram: Histogram)]
    ) {
        guard !histograms.isEmpty else { return }
        begin(name, .histogram, help)
        for (labels, histogram) in histograms {
            var cumulative = 0
            for (bound, count) in zip(Histogram.bounds + [.infinity], histogram.counts) {
                cumulative += count
                line(name + "_bucket", labels + [("le", Self.number(bound))], Double(cumulative))
            }
            line(name + "_sum", labels, histogram.sum)
            line(name + "_count", labels, Double(cumulative))
        }
    }

    private mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(Self.escaped(help))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
            text += "{\(pairs.joined(separator: ","))}"
        }
        text += " \(Self.number(value))\n"
    }

    static func escaped(_ text: String, quotes: Bool = false) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), value.magnitude < 0x1p53 { return String(Int64(value)) }
        return "\(value)"
    }
}

/// Durations in seconds, counted by buckets.
package struct Histogram: Sendable, Equatable {
    /// Upper ends of the buckets but the last, in seconds.
    package static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    /// Not cumulative; the last is of everything longer.
    package private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
    package private(set) var sum = 0.0

    package init() {}

    package mutating func observe(_ seconds: Double) {
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += seconds
    }
}
