// SPDX-License-Identifier: Apache-2.0

import Aggregator
import ArgumentParser
import CommandLineKit
import Store

/// `sotto-server client ...`
struct ClientCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client",
        abstract: "List enrolled clients, and end enrolments.",
        subcommands: [List.self, Revoke.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all clients.")
        @OptionGroup var configuration: ConfigurationOption
        @Flag(help: "Print one JSON array.") var json = false

        func run() throws {
            let reports = try Administration.listClients(configuration.load())
            if json { return print(try Administration.json(reports)) }
            var table = TextTable([.left, .left, .right, .left])
            table.row("client", "status", "updates", "enrolled")
            for report in reports {
                let enrolled = report.enrolledAt == 0 ? "-" : DateText.text(report.enrolledAt)
                table.row(report.client, report.status, "\(report.updates)", enrolled)
            }
            print(table)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a client's enrolment for good; it is refused from its next request on."
        )
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The client's name.") var client: String

        func run() throws { try Administration.revokeClient(client, configuration: configuration.load()) }
    }
}

/// `sotto-server token ...`
struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make, list and revoke operators' tokens for HTTP.",
        subcommands: [New.self, List.self, Revoke.self]
    )

    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token and print it: it is secret, and kept nowhere.",
            discussion: "It is sent as the header Authorization: Bearer TOKEN."
        )
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "Names the bearer in the audit log; never used again.") var name: String

        @Option(help: ArgumentHelp("view (see reports) or operate (also change tasks).", valueName: "role"))
        var role: OperatorRole

        @Option(
            help: ArgumentHelp("For how long it is valid, for example 30d; without it for good.", valueName: "time")
        )
        var expires: TimeSpan?

        func run() throws {
            print(
                try Administration.newToken(
                    name,
                    role: role,
                    expiresAfter: expires?.milliseconds,
                    configuration: configuration.load()
                )
            )
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all tokens, without their secrets.")
        @OptionGroup var configuration: ConfigurationOption
        @Flag(help: "Print one JSON array.") var json = false

        func run() throws {
            let reports = try Administration.listTokens(configuration.load())
            if json { return print(try Administration.json(reports)) }
            var table = TextTable([.left, .left, .left, .left])
            table.row("token", "role", "status", "expires")
            for report in reports {
                table.row(
                    report.name,
                    report.role.rawValue,
                    report.status,
                    report.expiresAt.map(DateText.text) ?? "-"
                )
            }
            print(table)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a token for good.")
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: "The token's name.") var name: String

        func run() throws { try Administration.revokeToken(name, configuration: configuration.load()) }
    }
}

extension OperatorRole: ExpressibleByArgument {}

/// `sotto-server audit`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Verify and show what operators did.",
        discussion: """
            Every entry's hash covers the one before it. Somebody who can rewrite the database can rewrite the whole chain, so \
            note its last hash elsewhere now and then.
            """
    )
    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Print one JSON array.") var json = false

    func run() throws {
        let reports = try Administration.audit(configuration.load())
        if json { return print(try Administration.json(reports)) }
        var table = TextTable([.right, .left, .left, .left, .left, .left, .left])
        table.row("entry", "time", "who", "act", "subject", "detail", "hash")
        for report in reports {
            table.row(
                "\(report.position)",
                DateText.text(report.time),
                report.who,
                report.act,
                report.subject,
                report.detail,
                "\(report.hash.prefix(16))…"
            )
        }
        print(table)
    }
}

/// `sotto-server keys ...`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "List and replace the keys that sign the server's word and seal what it stores.",
        subcommands: [List.self, Rotate.self, RotateStorage.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the signing keys and where they stand.")
        @OptionGroup var configuration: ConfigurationOption
        @Flag(help: "Print one JSON array.") var json = false

        func run() throws {
            let reports = try Administration.listKeys(configuration.load())
            if json { return print(try Administration.json(reports)) }
            var table = TextTable([.left, .left, .left, .left])
            table.row("key", "status", "signs from", "taken until")
            for report in reports {
                table.row(
                    report.hash,
                    report.status.rawValue,
                    report.notBefore == 0 ? "-" : DateText.text(report.notBefore),
                    report.notAfter.map(DateText.text) ?? "-"
                )
            }
            print(table)
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the next signing key, signed by the one in use.",
            discussion: """
                Clients learn of it with their next assignment. One that does not come until the old key has expired needs a \
                new invite.
                """
        )
        @OptionGroup var configuration: ConfigurationOption

        @Option(help: ArgumentHelp("When it begins to sign.", valueName: "time"))
        var after = TimeSpan(days: 7)

        @Option(help: ArgumentHelp("For how long the key before it is taken after that.", valueName: "time"))
        var grace = TimeSpan(days: 7)

        func validate() throws {
            guard after.milliseconds >= 10_000 else {
                throw ValidationError("--after must be at least 10s, in which every running server learns of the key")
            }
        }

        func run() throws {
            print(
                try Administration.rotateKey(
                    after: after.milliseconds,
                    grace: grace.milliseconds,
                    configuration: configuration.load()
                )
            )
        }
    }

    struct RotateStorage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-storage",
            abstract: "Put a fresh key before those that seal what is stored.",
            discussion: """
                Stop every server of the database first, and copy the key file to all of them before they start again. Open \
                rounds go on.
                """
        )
        @OptionGroup var configuration: ConfigurationOption

        func run() throws { print(try Administration.rotateStorageKey(configuration.load())) }
    }
}
