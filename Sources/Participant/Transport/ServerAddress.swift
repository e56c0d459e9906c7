// SPDX-License-Identifier: Apache-2.0

/// Where a server is: `https://host[:port]`, or `http://` on the loopback interface only.
public struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// The URL without a trailing slash.
    public let description: String

    /// - Throws: ``ParticipantError/input(_:)`` when the text is no such URL, or is plain HTTP beyond this machine.
    public init(_ text: String) throws(ParticipantError) {
        var url = text
        while url.hasSuffix("/") { url.removeLast() }
        let secure = url.hasPrefix("https://")
        guard secure || url.hasPrefix("http://") else {
            throw .input("--server \(text): must begin with https:// (or http:// on this machine)")
        }
        let authority = url.dropFirst(secure ? 8 : 7)
        guard !authority.isEmpty, authority.allSatisfy({ $0 != "/" && $0 != "@" && !$0.isWhitespace }) else {
            throw .input("--server \(text): must be a host with an optional port, without a path or a user")
        }
        guard secure || Self.isLoopback(authority) else {
            throw .input("--server \(text): plain HTTP is for 127.0.0.1, [::1] and localhost only; use https://")
        }
        description = url
    }

    /// Whether the authority part of a URL names the loopback interface.
    static func isLoopback(_ authority: some StringProtocol) -> Bool {
        let host: Substring
        if authority.hasPrefix("[") {
            host = Substring(authority.prefix { $0 != "]" }) + "]"
        } else {
            host = Substring(authority.prefix { $0 != ":" })
        }
        if host == "localhost" || host == "[::1]" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }
}
