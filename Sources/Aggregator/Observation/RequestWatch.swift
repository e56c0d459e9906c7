// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
package import Logging
internal import Messages

/// One request from its head to its answer: its identity, its line in the log, its place in the metrics.
package struct RequestWatch: Sendable {
    /// Names the request in the log and in its answer.
    package let identifier: String
    private let method: String
    private let target: String
    private let client: String?
    private let address: String?
    private let began: ContinuousClock.Instant
    private let logger: Logger
    private let metrics: RequestMetrics

    /// - Parameters:
    ///   - headers: names in lower case. `x-request-id` is taken over where it is a token of 1 to 64 letters, digits, `.`,
    ///     `_` and `-`.
    ///   - address: where it comes from, for the log of refusals.
    package init(
        method: String,
        target: String,
        headers: [String: String],
        address: String? = nil,
        logger: Logger,
        metrics: RequestMetrics
    ) {
        identifier =
            headers["x-request-id"].flatMap { Self.isToken($0) ? $0 : nil } ?? Hexadecimal.text(SystemRandom.bytes(8))
        self.method = method
        self.target = target
        client = headers[RequestSignature.clientHeader].flatMap { Self.isClient($0) ? $0 : nil }
        self.address = address
        began = .now
        self.logger = logger
        self.metrics = metrics
    }

    /// Counts and logs the answer: what was refused as information, the rest for debugging.
    package func end(status: Int, bytesIn: Int, bytesOut: Int) {
        let time = began.duration(to: .now)
        let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        metrics.record(
            route: Aggregator.label(target),
            method: method,
            status: status,
            bytesIn: bytesIn,
            bytesOut: bytesOut,
            seconds: seconds
        )
        let level: Logger.Level = status >= 500 ? .warning : status >= 400 ? .info : .debug
        guard level >= logger.logLevel else { return }
        var metadata: Logger.Metadata = [
            "request": "\(identifier)", "method": "\(Self.shown(method))", "path": "\(Self.path(target))",
            "status": .stringConvertible(status), "bytes-in": .stringConvertible(bytesIn),
            "bytes-out": .stringConvertible(bytesOut),
            "milliseconds": .stringConvertible((seconds * 1e4).rounded() / 10),
        ]
        if let client { metadata["client"] = "\(client)" }
        if status >= 400, let address { metadata["address"] = "\(Self.shown(address))" }
        logger.log(level: level, "request", metadata: metadata)
    }

    /// The path without its query, which may hold what is nobody's business, and short.
    static func path(_ target: String) -> String { shown(target.prefix { $0 != "?" }) }

    /// What a stranger chose, without what could break a line, and short.
    private static func shown(_ text: some StringProtocol) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.prefix(200).map { $0.value > 32 && $0.value < 127 ? $0 : "?" })
        )
    }

    static func isToken(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
                }
            }
    }

    /// A name as enrolment gives it.
    static func isClient(_ text: String) -> Bool {
        text.hasPrefix("c-") && text.utf8.count == 22 && Hexadecimal.bytes(text.dropFirst(2)) != nil
    }
}

extension Aggregator {
    /// Begins to watch a request, whatever brought it.
    package func watch(method: String, target: String, headers: [String: String], address: String?) -> RequestWatch {
        RequestWatch(
            method: method,
            target: target,
            headers: headers,
            address: address,
            logger: logger,
            metrics: requestMetrics
        )
    }
}
