// SPDX-License-Identifier: Apache-2.0

internal import Accounting
package import Rounds
package import Store
internal import TOML

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
    public let listen: ListenAddress
    /// Where everything is kept but keys and released models.
    package var database: DatabaseAddress
    /// For how long a server's right to look after a task lasts when it dies.
    package var leaseSeconds = 10
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
        listen = try ListenAddress(server.string("listen", default: "127.0.0.1:8470"))
        if let text = try server.optionalString("database") {
            guard let address = DatabaseAddress(text) else {
                throw .input("\(path): [server] database must be sqlite:FILE or postgres://...")
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

/// A loopback address to listen on.
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: Int

    /// - Throws: ``AggregatorError/input(_:)`` unless the text is `host:port` on this machine's loopback interface: this
    ///   server speaks plain HTTP, which must not leave the machine.
    public init(_ text: String) throws(AggregatorError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw .input("listen: \(Wording.quoted(text)) must be host:port, for example 127.0.0.1:8470") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        let loopback =
            host == "localhost" || host == "::1"
            || octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
        guard loopback else {
            throw .input(
                "listen: \(Wording.quoted(host)) is not on this machine's loopback interface; plain HTTP is served on "
                    + "127.0.0.1, ::1 or localhost only"
            )
        }
        self.host = host
        self.port = port
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
