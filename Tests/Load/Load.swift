// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import FoundationEssentials

/// `sotto-load`: how much one server takes.
@main
struct Load: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sotto-load",
        abstract: "Loads a server with sealed uploads or with clients that wait, and tells how fast it answers.",
        discussion: """
            For a server of your own with one task: every invite enrols a device, and what the devices send is noise of \
            the wanted size. The task's model is worth nothing afterwards.
            """,
        subcommands: [UploadsCommand.self, PollsCommand.self]
    )

    static func main() async {
        await CommandLineRunner.main(Load.self)
    }
}

/// What both commands need.
struct CrowdOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server: http://HOST:PORT or https://HOST:PORT.", valueName: "url"))
    var server: String

    @Option(help: ArgumentHelp("PEM file of the server's certificate.", valueName: "file"))
    var serverCertificate: String?

    @Option(help: ArgumentHelp("File with an invite a line, one for each device.", valueName: "file"))
    var invites: String

    @Option(help: ArgumentHelp("Connections that are kept open.", valueName: "n"))
    var connections = 64

    @Option(help: ArgumentHelp("Process whose memory is told as well: the server, on this machine.", valueName: "pid"))
    var serverProcess: Int?

    func validate() throws {
        guard (1...100_000).contains(connections) else {
            throw ValidationError("--connections must be from 1 to 100000, not \(connections)")
        }
    }

    /// The resident memory of the server in MiB, now and at most, or `nil` where it is not told.
    func serverMemory() -> (now: Double, peak: Double)? {
        guard let serverProcess,
            let status = try? String(contentsOfFile: "/proc/\(serverProcess)/status", encoding: .utf8)
        else { return nil }
        func mebibytes(_ field: String) -> Double? {
            let line = status.split(separator: "\n").first { $0.hasPrefix(field) }
            return line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }.map { $0 / 1024 }
        }
        guard let now = mebibytes("VmRSS:"), let peak = mebibytes("VmHWM:") else { return nil }
        return (now, peak)
    }
}

/// Prints a line of JSON.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
