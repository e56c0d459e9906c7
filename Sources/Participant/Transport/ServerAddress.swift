// SPDX-License-Identifier: Apache-2.0

/// Where a server is: `https://host[:port]`, or `http://` on the loopback interface only.
public struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// The URL without a trailing slash.
    public let description: String

    /// - Throws: ``ParticipantError/input(_:)`` when the text is no such URL, or is plain HTTP beyond this machine.
    public init(_ text: String) throws(ParticipantError) {
        // Quoted, so that the message is one line whatever the text holds.
        let given = text.debugDescription
        var url = text[...]
        while url.hasSuffix("/") { url.removeLast() }
        let secure = url.hasPrefix("https://")
        guard secure || url.hasPrefix("http://") else {
            throw .input("--server \(given): must begin with https:// (or http:// on this machine)")
        }
        guard let host = Self.host(of: url.dropFirst(secure ? 8 : 7)) else {
            throw .input("--server \(given): must be a host with an optional port, without a path or a user")
        }
        guard secure || Self.isLoopback(host) else {
            throw .input("--server \(given): plain HTTP is for 127.0.0.1, [::1] and localhost only; use https://")
        }
        description = String(url)
    }

    /// The host of `host[:port]`: a name or an IPv4 address, or an IPv6 address in brackets; `nil` for any other text.
    ///
    /// Nothing is let through that another reader of URLs might take for the end of the host.
    private static func host(of authority: Substring) -> Substring? {
        let isBracketed = authority.hasPrefix("[")
        let end =
            isBracketed ? authority.firstIndex(of: "]").map(authority.index(after:)) : authority.firstIndex(of: ":")
        let host = authority[..<(end ?? authority.endIndex)]
        let port = authority[host.endIndex...]
        guard port.isEmpty || isPort(port) else { return nil }
        if isBracketed {
            guard host.hasSuffix("]"), host.contains(":") else { return nil }
            return host.dropFirst().dropLast().utf8.allSatisfy { isHexadecimalDigit($0) || $0 == UInt8(ascii: ":") }
                ? host : nil
        }
        return !host.isEmpty && host.utf8.allSatisfy(isNameCharacter) ? host : nil
    }

    private static func isPort(_ text: Substring) -> Bool {
        let digits = text.dropFirst()
        guard text.hasPrefix(":"), digits.utf8.allSatisfy(isDigit), let port = UInt16(digits) else { return false }
        return port > 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isHexadecimalDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
    }

    private static func isLoopback(_ host: Substring) -> Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }
}
