// SPDX-License-Identifier: Apache-2.0

import Aggregator
import ArgumentParser
import CommandLineKit

/// `sotto-server invite ...`
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Make, list and take back invites; each enrols one device and pins this server's key.",
        subcommands: [New.self, List.self, Revoke.self],
        defaultSubcommand: New.self
    )
}

extension InviteCommand {
    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make invites and print them: they are secret, and kept nowhere."
        )

        @OptionGroup var configuration: ConfigurationOption

        @Option(help: ArgumentHelp("How many.", valueName: "n"))
        var count: Int = 1

        @Option(
            help: ArgumentHelp("For how long they can be used, for example 7d; without it for good.", valueName: "time")
        )
        var expires: TimeSpan?

        @Option(help: ArgumentHelp("What they are for; shown by invite list.", valueName: "text"))
        var note: String = ""

        func validate() throws {
            guard (1...100_000).contains(count) else {
                throw ValidationError("--count must be from 1 to 100000, not \(count)")
            }
        }

        func run() throws {
            let invites = try Administration.invites(
                count,
                note: note,
                expiresAfter: expires?.milliseconds,
                configuration: configuration.load()
            )
            for invite in invites { print(invite) }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all invites: unused, used, expired, revoked.")
        @OptionGroup var configuration: ConfigurationOption
        @Flag(help: "Print one JSON array.") var json = false

        func run() throws {
            let reports = try Administration.listInvites(configuration.load())
            if json { return print(try Administration.json(reports)) }
            var table = TextTable([.left, .left, .left, .left, .left])
            table.row("invite", "status", "client", "expires", "note")
            for report in reports {
                table.row(
                    report.id,
                    report.status,
                    report.client ?? "-",
                    report.expiresAt.map(DateText.text) ?? "-",
                    report.note
                )
            }
            print(table)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take an unused invite back.")
        @OptionGroup var configuration: ConfigurationOption
        @Argument(help: ArgumentHelp("The first digits of its ID, as invite list shows it.", valueName: "id"))
        var invite: String

        func run() throws { try Administration.revokeInvite(invite, configuration: configuration.load()) }
    }
}
