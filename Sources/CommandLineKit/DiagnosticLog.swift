// SPDX-License-Identifier: Apache-2.0

package import Logging

/// Diagnostics of the executables: one line each on standard error, without a time stamp of its own, because service
/// managers and scripts add theirs.
package enum DiagnosticLog {
    package static func logger(_ label: String, verbose: Bool) -> Logger {
        var logger = Logger(label: label) { LineHandler(label: $0) }
        logger.logLevel = verbose ? .info : .notice
        return logger
    }
}

private struct LineHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        StandardError.write("\(label): \(event.level): \(event.message)\n")
    }
}
