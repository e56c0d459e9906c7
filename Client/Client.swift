// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Kernels

/// `sotto-client`: arguments and wiring of the library `Participant`.
@main
struct Client: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sotto-client",
        abstract: "Takes part in federated training with data that stay on this device.",
        subcommands: [RunCommand.self]
    )

    static func main() {
        CoreDumps.forbid()
        Processor.prepare()
        CommandLineRunner.main(Client.self)
    }
}
