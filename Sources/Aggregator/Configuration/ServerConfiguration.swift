// SPDX-License-Identifier: Apache-2.0

internal import Accounting
package import Rounds
package import Store
internal import TOML

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// What an operator decides for a whole server, from `server.toml`.
///
/// ```toml
/// [server]
/// name = "example"
/// state = "/var/lib/sotto"      # database, keys, released models
/// listen = "127.0.0.1:8470"
/// database = "sqlite:/var/lib/sotto/sotto.sqlite" # or postgres://...; may be left out: in the state folder
/// lease-seconds = 10            # after which another server of the database takes over; may be left out
///
/// [[population]]
/// name = "people"
/// epsilon = 8.0                 # against outsiders, clients and colluders
/// epsilon-server = 60.0         # against this server
/// delta = 1e-5
/// ```
public struct ServerConfiguration: Sendable {
    public let name: String
    /// Folder of the database, the keys and the released models.
    public let stateFolder: String
    /// Host and port to listen on.
    public var listen: ListenAddress
    /// Where everything is kept but keys and released models.
    package var database: DatabaseAddress
    /// For how long a server's right to look after a task lasts when it dies.
    package var leaseSeconds = 10
    /// Who may come in, and how much of the server a stranger can take.
    package var doors = DoorConfiguration()
    /// When clients are asked to come back.
    package var pace = PaceSteering()
    /// What each population's people have agreed to, for all tasks together.
    package let budgets: [String: SpendLimits]

    /// Reads a server file.
    ///
    /// - Throws: ``AggregatorError/input(_:)`` naming the key that is wrong.
    public init(path: String) throws(AggregatorError) {
        var file = try TOMLFile(path: path)
        var server = try file.section("server")
        name = try server.string("name", default: "sotto-server")
        stateFolder = try server.string("state")
        doors = try DoorConfiguration(server: &server, path: path)
        listen = try ListenAddress(
            server.string("listen", default: "127.0.0.1:8470"),
            allowsOthers: doors.isSecure
        )
        let written = try server.optionalString("database")
        let variable = Self.variable(Self.databaseVariable)
        if let text = variable ?? written {
            guard let address = DatabaseAddress(text) else {
                let place = variable == nil ? "\(path): [server] database" : Self.databaseVariable
                throw .input("\(place) must be sqlite:FILE or postgres://...")
            }
            database = address
        } else {
            database = .sqlite(path: Administration.databasePath(stateFolder))
        }
        leaseSeconds = try server.integer("lease-seconds", default: 10)
        guard (1...3600).contains(leaseSeconds) else {
            throw .input("\(path): [server] lease-seconds is \(leaseSeconds), but must be from 1 to 3600")
        }
        try server.finish()
        if var limits = try file.optionalSection("limits") { try doors.read(limits: &limits, path: path) }
        var budgets: [String: SpendLimits] = [:]
        for var section in try file.sections("population") {
            let name = try section.string("name")
            let epsilon = try section.number("epsilon")
            let epsilonServer = try section.optionalNumber("epsilon-server")
            let delta = try section.number("delta")
            try section.finish()
            let budget: SpendLimits
            do {
                budget = try SpendLimits(epsilon: epsilon, epsilonServer: epsilonServer, delta: delta)
            } catch {
                throw .input("\(path): population \(Wording.shown(name)): \(error)")
            }
            guard budgets.updateValue(budget, forKey: name) == nil else {
                throw .input("\(path): population \(Wording.shown(name)) is listed twice")
            }
        }
        try file.finish()
        guard !budgets.isEmpty else {
            throw .input(
                "\(path): lacks a [[population]] with name, epsilon and delta; tasks need a budget to spend from"
            )
        }
        self.budgets = budgets
    }

    package init(
        name: String,
        stateFolder: String,
        listen: ListenAddress,
        budgets: [String: SpendLimits]
    ) {
        self.name = name
        self.stateFolder = stateFolder
        self.listen = listen
        database = .sqlite(path: Administration.databasePath(stateFolder))
        self.budgets = budgets
    }
}

extension ServerConfiguration {
    /// Replaces the file's `database`, so that a password need not stand in a file that others read.
    package static let databaseVariable = "SOTTO_DATABASE_URL"

    private static func variable(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}

/// An address to listen on.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: Int

    /// - Parameter allowsOthers: whether connections are protected by TLS, so that they may leave the machine.
    /// - Throws: ``AggregatorError/input(_:)`` unless the text is `host:port`, without TLS on this machine's loopback
    ///   interface: plain HTTP must not leave the machine.
    public init(_ text: String, allowsOthers: Bool = false) throws(AggregatorError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw .input("listen: \(Wording.quoted(text)) must be host:port, for example 127.0.0.1:8470") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw .input("listen: \(Wording.quoted(text)) lacks a host before its port") }
        guard allowsOthers || Self.isLoopback(host) else {
            throw .input(
                "listen: \(Wording.quoted(host)) is not on this machine's loopback interface; plain HTTP is served on "
                    + "127.0.0.1, ::1 or localhost only (for others, name certificate and key in the server file)"
            )
        }
        self.host = host
        self.port = port
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool { Self.isLoopback(host) }

    private static func isLoopback(_ host: String) -> Bool {
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        return host == "localhost" || host == "::1"
            || octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
