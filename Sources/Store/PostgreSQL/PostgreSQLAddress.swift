// SPDX-License-Identifier: Apache-2.0

internal import CPostgres

/// Where a server is and how to reach it, in libpq's own words: a URL `postgres://…` ("Connection URIs" of its manual).
/// What the URL leaves out comes from libpq's environment (`PGHOST`, `PGPASSWORD`, `PGPASSFILE`, …) and its password file.
package struct PostgreSQLAddress: Sendable {
    private let url: String
    private let password: String
    /// For messages: the host and the database, without user and password.
    package let description: String

    /// - Throws: ``StoreError/database(_:)`` in one line in which nothing of the URL occurs, because a URL that is written
    ///   wrongly has its password in unforeseen places.
    package init(_ url: String) throws(StoreError) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://"), !url.utf8.contains(0),
            let parts = Self.parts(of: url), Self.areSane(parts)
        else {
            throw .database(
                "database URL: is not understood; it should be postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full, "
                    + "with special characters of a password written as %XX"
            )
        }
        self.url = url
        password = parts["password"] ?? ""
        let host = parts["host"] ?? parts["hostaddr"] ?? ""
        let place = (host.split(separator: ","), (parts["port"] ?? "").split(separator: ","))
        let hosts = place.0.enumerated().map { index, host in
            index < place.1.count ? "\(host):\(place.1[index])" : "\(host)"
        }
        description = "postgres://\(hosts.joined(separator: ","))/\(parts["dbname"] ?? "")"
    }

    /// The URL's parts by their keywords, or `nil` where libpq does not understand it.
    private static func parts(of url: String) -> [String: String]? {
        guard let options = unsafe PQconninfoParse(url, nil) else { return nil }
        defer { unsafe PQconninfoFree(options) }
        var parts: [String: String] = [:]
        var option = unsafe options
        while let keyword = unsafe option.pointee.keyword {
            if let value = unsafe option.pointee.val {
                unsafe parts[String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe option += 1
        }
        return parts
    }

    /// Whether everything is where it belongs. A password with a bare `@`, `/` or `#` would reach into these parts, and
    /// libpq's messages quote them.
    private static func areSane(_ parts: [String: String]) -> Bool {
        let host = parts["host"] ?? ""
        let isHost = host.hasPrefix("/") ? !host.contains("@") : !host.contains { "@/#?: ".contains($0) }
        let isAddress = (parts["hostaddr"] ?? "").allSatisfy { $0.isHexDigit || ".:,%".contains($0) }
        let isPort = (parts["port"] ?? "").allSatisfy { $0.isNumber || $0 == "," }
        let isName = [parts["dbname"], parts["user"]].allSatisfy { !($0 ?? "").contains { "@/#:".contains($0) } }
        // An IPv6 address in brackets comes without them.
        let isIPv6 = host.contains(":") && host.allSatisfy { $0.isHexDigit || ":.,%".contains($0) }
        return (isHost || isIPv6) && isAddress && isPort && isName
    }

    /// A message of libpq's without the password.
    func redacting(_ message: String) -> String {
        password.isEmpty ? message : message.replacing(password, with: "***")
    }

    /// Lends what libpq connects with. What stands before the URL are defaults, which the URL can change.
    func withParameters<Value>(
        applicationName: String,
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Value
    ) -> Value {
        let parameters = [
            ("connect_timeout", "10"),
            ("keepalives", "1"),
            ("keepalives_idle", "30"),
            ("keepalives_interval", "10"),
            ("keepalives_count", "3"),
            // Data that nobody acknowledges for a minute means that the server is gone.
            ("tcp_user_timeout", "60000"),
            // Of several hosts the one that takes writes.
            ("target_session_attrs", "read-write"),
            ("dbname", url),
            ("client_encoding", "UTF8"),
            ("fallback_application_name", applicationName),
        ]
        return unsafe Self.withStrings(parameters.map(\.0)) { keywords in
            unsafe Self.withStrings(parameters.map(\.1)) { values in unsafe body(keywords, values) }
        }
    }

    private static func withStrings<Value>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value
    ) -> Value {
        let text: [CChar] = strings.flatMap { $0.utf8.map { CChar(bitPattern: $0) } + [0] }
        let starts = strings.indices.map { index in strings[..<index].reduce(0) { $0 + $1.utf8.count + 1 } }
        return unsafe text.withUnsafeBufferPointer { text in
            let pointers = unsafe starts.map { start in unsafe text.baseAddress.map { unsafe $0 + start } } + [nil]
            return unsafe pointers.withUnsafeBufferPointer { pointers in
                guard let base = pointers.baseAddress else { preconditionFailure("never empty") }
                return unsafe body(base)
            }
        }
    }
}
