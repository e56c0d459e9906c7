// SPDX-License-Identifier: Apache-2.0

/// Who may come in, and how much of the server a stranger can take: the sections `[server]` and `[limits]` of a server file.
///
/// ```toml
/// [server]
/// certificate = "/etc/sotto/chain.pem" # TLS, with key; or tls = "development"
/// key = "/etc/sotto/key.pem"
/// public-reports = false        # whether progress can be seen without an operator's token
/// trusted-proxy = false         # whether the last hop of X-Forwarded-For is the sender
///
/// [limits]
/// client-rate = 50              # requests a second of each client; a burst of ten times as many
/// stranger-rate = 20            # requests a second from one address without a valid signature or token
/// enrolments-per-minute = 300   # of all together
/// body-memory = "64MiB"         # bodies of all requests that are in work
/// connections = 2000
/// header-seconds = 10           # for TLS and a request's head
/// body-seconds = 60             # and a second more for every 16 KiB, for a body; the same for an answer
/// idle-seconds = 60             # between requests
/// ```
package struct DoorConfiguration: Sendable {
    /// How connections are protected.
    package enum Security: Sendable {
        /// Plain HTTP, on the loopback interface only.
        case plain
        /// PEM files of a certificate chain and its key.
        case files(certificate: String, key: String)
        /// A self-signed certificate, made in the state folder at the first start.
        case development
    }

    package var security = Security.plain
    /// `nil` as long as the file does not say: then as ``publicReports(on:)``.
    package var publicReports: Bool?
    package var trustsProxy = false
    /// Requests a second.
    package var clientRate = 50.0
    package var strangerRate = 20.0
    package var enrolmentsPerMinute = 300.0
    /// Bytes.
    package var bodyMemory = 64 << 20
    package var connections = 2000
    package var headerSeconds = 10
    package var bodySeconds = 60
    package var idleSeconds = 60

    package init() {}

    /// Reads the keys of `[server]`.
    init(server: inout TOMLSection, path: String) throws(AggregatorError) {
        let certificate = try server.optionalString("certificate")
        let key = try server.optionalString("key")
        let tls = try server.optionalString("tls")
        switch (certificate, key, tls) {
        case (nil, nil, nil): security = .plain
        case (let certificate?, let key?, nil): security = .files(certificate: certificate, key: key)
        case (nil, nil, "development"): security = .development
        case (nil, nil, _):
            throw .input("\(path): [server] tls can only be \"development\"; or name certificate and key")
        case (_, _, .some):
            throw .input("\(path): [server] tls = \"development\" and certificate or key exclude each other")
        default: throw .input("\(path): [server] certificate and key belong together; one of them is missing")
        }
        publicReports = try server.optionalBoolean("public-reports")
        trustsProxy = try server.boolean("trusted-proxy", default: false)
    }

    /// Reads `[limits]`.
    mutating func read(limits: inout TOMLSection, path: String) throws(AggregatorError) {
        func within(_ key: String, _ value: Double, _ range: ClosedRange<Double>) throws(AggregatorError) -> Double {
            guard range.contains(value) else {
                throw .input(
                    "\(path): [limits] \(key) is \(value), but must be from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return value
        }
        clientRate = try within("client-rate", limits.number("client-rate", default: clientRate), 0.1...1e6)
        strangerRate = try within("stranger-rate", limits.number("stranger-rate", default: strangerRate), 0.1...1e6)
        enrolmentsPerMinute = try within(
            "enrolments-per-minute",
            limits.number("enrolments-per-minute", default: enrolmentsPerMinute),
            1...1e6
        )
        if let text = try limits.optionalString("body-memory") {
            guard let bytes = Self.bytes(text), bytes >= 1 << 20 else {
                throw .input("\(path): [limits] body-memory must be at least 1MiB, for example \"64MiB\"")
            }
            bodyMemory = bytes
        }
        connections = try within("connections", limits.number("connections", default: 2000), 1...1e6).whole
        headerSeconds = try within("header-seconds", limits.number("header-seconds", default: 10), 1...3600).whole
        bodySeconds = try within("body-seconds", limits.number("body-seconds", default: 60), 1...3600).whole
        idleSeconds = try within("idle-seconds", limits.number("idle-seconds", default: 60), 1...3600).whole
        try limits.finish()
    }

    private static func bytes(_ text: String) -> Int? {
        for (suffix, unit) in [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)] where text.hasSuffix(suffix) {
            guard let count = Int(text.dropLast(3)), (0...1 << 20).contains(count) else { return nil }
            return count * unit
        }
        return nil
    }

    package var isSecure: Bool {
        if case .plain = security { false } else { true }
    }

    /// Whether progress can be seen without a token: where the file does not say, on the loopback interface only.
    package func publicReports(on address: ListenAddress) -> Bool { publicReports ?? address.isLoopback }
}

extension Double {
    fileprivate var whole: Int { Int(self) }
}
