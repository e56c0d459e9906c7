// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
package import CommandLineKit
import FoundationEssentials
import Logging
package import Participant

/// `sotto-client run`
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Take part in a server's tasks until they are finished.",
        discussion: """
            In each round the client draws secretly which examples take part, clips their gradients, adds its share of exact \
            noise, and sends the sum sealed. It keeps a privacy ledger of its own in the state folder, charged before \
            anything leaves the device, and refuses tasks beyond the limits given here. It goes on by itself when the \
            server or the client was interrupted. SIGINT and SIGTERM end it within a second.
            """
    )

    @Option(help: ArgumentHelp("The server: https://HOST[:PORT], or http:// on this machine.", valueName: "url"))
    var server: String

    @Option(
        help: ArgumentHelp(
            "PEM file of the server's certificate or authority; without it, the system's are trusted.",
            valueName: "file"
        )
    )
    var serverCertificate: String?

    @Option(help: ArgumentHelp("The invite from the operator; needed once.", valueName: "token"))
    var invite: String?

    @Option(
        help: ArgumentHelp(
            "The private data: digits, idx:DIR, cifar10:DIR, or a part of them, for example digits:3/8.",
            valueName: "kind:path"
        )
    )
    var data: String

    @Option(
        help: ArgumentHelp(
            """
            Examples apart from --data to evaluate models on, in rounds that tell it with noise: as --data, or the published \
            test set, for example digits-test:3/8. Without it such rounds get noise alone.
            """,
            valueName: "kind:path"
        )
    )
    var heldOut: String?

    @Option(help: ArgumentHelp("The most memory this process may take, for example 64MiB.", valueName: "size"))
    var memoryLimit: ByteSize

    @Option(
        help: ArgumentHelp("The most epsilon of all tasks together, against everybody but the server.", valueName: "e")
    )
    var maxEpsilon: Double

    @Option(
        help: ArgumentHelp("The most epsilon of all tasks together, against the server; inf trusts it.", valueName: "e")
    )
    var maxEpsilonServer: Double

    @Option(help: ArgumentHelp("The delta at which both limits hold.", valueName: "d"))
    var delta: Double = 1e-5

    @Option(help: ArgumentHelp("Folder for keys, ledger and unfinished rounds.", valueName: "dir"))
    var state: String = ".sotto-client"

    @Option(
        help: ArgumentHelp(
            """
            File with the key that the state folder is encrypted under: 32 bytes or 64 hexadecimal digits. Without it \
            SOTTO_DEVICE_KEY (64 digits) is taken, or device.key in the state folder, made on first use.
            """,
            valueName: "file"
        )
    )
    var deviceKey: String?

    @Option(
        help: ArgumentHelp(
            """
            Shell command that must succeed before this device asks for work, and again before it computes; may be \
            repeated. Otherwise it waits. A command has 30 s.
            """,
            valueName: "command"
        )
    )
    var onlyWhen: [String] = []

    @Option(help: ArgumentHelp("Threads that compute.", valueName: "n"))
    var workers: Int = 1

    @Option(help: ArgumentHelp("How much this process gives way to others, 0 to 19.", valueName: "n"))
    var nice: Int = 0

    @Flag(help: "Go on waiting for new tasks when all are finished.")
    var stay = false

    @Flag(help: "Print one JSON object at the end.")
    var json = false

    @Flag(name: [.short, .long], help: "Log every round to standard error.")
    var verbose = false

    func validate() throws {
        guard (1...1024).contains(workers) else {
            throw ValidationError("--workers must be from 1 to 1024, not \(workers)")
        }
        guard (0...19).contains(nice) else { throw ValidationError("--nice must be from 0 to 19, not \(nice)") }
        guard onlyWhen.allSatisfy({ !$0.isEmpty }) else { throw ValidationError("--only-when must name a command") }
        guard delta > 0, delta < 1 else { throw ValidationError("--delta must be between 0 and 1, not \(delta)") }
        for (name, limit) in [("--max-epsilon", maxEpsilon), ("--max-epsilon-server", maxEpsilonServer)] {
            guard limit > 0, limit.isFinite || name == "--max-epsilon-server" else {
                throw ValidationError("\(name) must be a number above 0, not \(limit)")
            }
        }
    }

    func run() throws {
        StopSignal.install()
        if nice > 0 { ProcessPriority.lower(by: nice) }
        // Taken out of the environment whatever is chosen: commands that this process starts need not know it.
        let keyInEnvironment = SecretEnvironment.take("SOTTO_DEVICE_KEY")
        var configuration = ParticipantConfiguration(
            server: try ServerAddress(server),
            invite: invite,
            data: data,
            stateFolder: state,
            memoryLimit: memoryLimit.bytes,
            maximumEpsilon: maxEpsilon,
            maximumEpsilonAgainstServer: maxEpsilonServer,
            delta: delta,
            workers: workers,
            staysWhenFinished: stay
        )
        configuration.deviceKey =
            deviceKey.map(DeviceKeySource.file) ?? keyInEnvironment.map(DeviceKeySource.hexadecimal) ?? .stateFolder
        configuration.conditions = onlyWhen
        configuration.heldOut = heldOut
        configuration.serverCertificate = serverCertificate
        let participant = try Participant(
            configuration: configuration,
            logger: DiagnosticLog.logger("sotto-client", verbose: verbose)
        )
        let report = try participant.run { StopSignal.isRaised }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(report.table)
        }
    }
}

extension ParticipantError: ExitError {
    package var exitStatus: ExitStatus {
        switch self {
        case .input: .badInput
        case .limit: .limit
        case .refused: .refused
        case .failure: .failure
        }
    }
}

extension ParticipantReport {
    /// What a person reads at the end.
    var table: String {
        var table = TextTable()
        table.row("rounds delivered", "\(rounds)")
        table.row("rounds dropped", "\(dropped)")
        table.row("sent", "\(Decimal.grouped(bytesUp)) bytes")
        table.row("received", "\(Decimal.grouped(bytesDown)) bytes")
        for (adversary, epsilon) in epsilonAgainst.sorted(by: { $0.key < $1.key }) {
            table.row("epsilon against \(adversary)", "\(Decimal.upperBound(epsilon, digits: 4)) at delta \(delta)")
        }
        table.row(
            "peak memory",
            "\(Decimal.text(peakMiB, digits: 1)) MiB (planned \(Decimal.text(planMiB, digits: 1)) MiB)"
        )
        return table.description
    }
}
