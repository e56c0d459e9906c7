// SPDX-License-Identifier: Apache-2.0

package import Aggregator
import ArgumentParser
package import CommandLineKit
import Kernels

/// `sotto-server`: arguments, HTTP and wiring of the library `Aggregator`.
@main
struct Server: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sotto-server",
        abstract: "Aggregates sealed updates of many clients into one model, within a privacy budget.",
        subcommands: [
            RunCommand.self, TaskCommand.self, LedgerCommand.self, InviteCommand.self, ClientCommand.self,
            TokenCommand.self, KeysCommand.self, AuditCommand.self,
        ]
    )

    static func main() async {
        CoreDumps.forbid()
        Processor.prepare()
        await CommandLineRunner.main(Server.self)
    }
}

/// The option that every subcommand has.
struct ConfigurationOption: ParsableArguments {
    @Option(name: .customLong("config"), help: ArgumentHelp("The server file (TOML).", valueName: "file"))
    var path: String

    func load() throws -> ServerConfiguration { try ServerConfiguration(path: path) }
}

extension AggregatorError: ExitError {
    package var exitStatus: ExitStatus {
        switch self {
        case .input: .badInput
        case .limit: .limit
        case .failure: .failure
        }
    }
}
