// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Kernels

/// The tool: arguments in, tables or JSON out; everything it knows is in the rooms.
struct Sotto: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sotto",
        abstract: "Differentially private training, and the arithmetic to check it.",
        subcommands: [
            Train.self, Bench.self, Gradients.self, Plan.self, Account.self, Calibrate.self, NoiseSamples.self,
            ComparePrecisions.self,
        ]
    )
}

@main
enum Main {
    static func main() {
        CoreDumps.forbid()
        Processor.prepare()
        CommandLineRunner.main(Sotto.self)
    }
}
