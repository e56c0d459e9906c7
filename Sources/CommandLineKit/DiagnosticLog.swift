// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import Logging

/// Diagnostics of the executables: one line each on standard error.
package enum DiagnosticLog {
    /// How a line looks.
    package enum Format: String, CaseIterable, Sendable {
        /// For people: label, level, message, then metadata as `name=value`, without a time stamp of its own, because
        /// service managers and scripts add theirs.
        case text
        /// For machines: one JSON object a line, with `time` (RFC 3339, UTC), `level`, `label`, `message` and the
        /// metadata.
        case json
    }

    package static func logger(_ label: String, verbose: Bool) -> Logger {
        logger(label, level: verbose ? .info : .notice)
    }

    package static func logger(_ label: String, level: Logger.Level, format: Format = .text) -> Logger {
        var logger = Logger(label: label) { LineHandler(label: $0, format: format) }
        logger.logLevel = level
        return logger
    }
}

private struct LineHandler: LogHandler {
    let label: String
    let format: DiagnosticLog.Format
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        StandardError.write(
            LogLine(
                label: label,
                level: event.level,
                message: "\(event.message)",
                metadata: metadata.merging(event.metadata ?? [:]) { $1 }
            )
            .text(format, time: .now)
        )
    }
}

/// One event as a line, with its line feed.
package struct LogLine {
    package var label: String
    package var level: Logger.Level
    package var message: String
    package var metadata: Logger.Metadata

    package init(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        self.label = label
        self.level = level
        self.message = message
        self.metadata = metadata
    }

    package func text(_ format: DiagnosticLog.Format, time: Date) -> String {
        switch format {
        case .text:
            let pairs = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\(Self.word("\($0.value)"))" }
            return "\(label): \(level): \(message)\(pairs.joined())\n"
        case .json:
            var object = metadata.mapValues(Value.init)
            object["time"] = .text(time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            object["level"] = .text("\(level)")
            object["label"] = .text(label)
            object["message"] = .text(message)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            // Strings always have a JSON form.
            let line = (try? encoder.encode(object)) ?? Data()
            return String(decoding: line, as: UTF8.self) + "\n"
        }
    }

    /// A number that was given as one stays one; everything else is text.
    private enum Value: Encodable {
        case text(String)
        case whole(Int)
        case real(Double)

        init(_ value: Logger.MetadataValue) {
            guard case .stringConvertible(let given) = value else {
                self = .text("\(value)")
                return
            }
            switch given {
            case let number as Int: self = .whole(number)
            case let number as Double where number.isFinite: self = .real(number)
            default: self = .text("\(value)")
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .whole(let number): try container.encode(number)
            case .real(let number): try container.encode(number)
            }
        }
    }

    /// A value that has no space, quotation mark or control character stands for itself; others are quoted.
    private static func word(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.unicodeScalars.allSatisfy { $0.value > 32 && $0.value != 34 && $0.value != 127 }
        return isPlain ? value : value.debugDescription
    }
}
