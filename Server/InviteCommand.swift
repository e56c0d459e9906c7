// SPDX-License-Identifier: Apache-2.0

import Aggregator
import ArgumentParser
import CommandLineKit

/// `sotto-server invite`
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Make invites; each enrols one device and pins this server's key."
    )

    @OptionGroup var configuration: ConfigurationOption

    @Option(help: ArgumentHelp("How many.", valueName: "n"))
    var count: Int = 1

    func validate() throws {
        guard (1...100_000).contains(count) else {
            throw ValidationError("--count must be from 1 to 100000, not \(count)")
        }
    }

    func run() throws {
        let configuration = try configuration.load()
        for _ in 0..<count { print(try Administration.invite(configuration)) }
    }
}
