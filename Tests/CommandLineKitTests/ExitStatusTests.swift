// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Testing

// Each of these takes whatever the test process was called with.

private struct Succeeding: ParsableCommand {
    @Argument(parsing: .allUnrecognized) var arguments: [String] = []
    func run() { print("the result") }
}

private struct Limited: ParsableCommand {
    @Argument(parsing: .allUnrecognized) var arguments: [String] = []
    func run() throws { throw CommandError("budget: is used up; stop", status: .limit) }
}

private struct Refused: AsyncParsableCommand {
    @Argument(parsing: .allUnrecognized) var arguments: [String] = []
    func run() async throws {
        await Task.yield()
        throw CommandError("server: refused", status: .refused)
    }
}

private struct BadInput: ParsableCommand {
    @Argument(parsing: .allUnrecognized) var arguments: [String] = []
    func run() throws { throw CommandError("--rate: is 2, but must be at most 1") }
}

private struct Invalid: ParsableCommand {
    @Argument(parsing: .allUnrecognized) var arguments: [String] = []
    func run() throws { throw ValidationError("--size: is missing") }
}

private struct Failing: ParsableCommand {
    struct Trouble: Error, CustomStringConvertible {
        let description = "disk: is full\n    free some space"
    }

    @Argument(parsing: .allUnrecognized) var arguments: [String] = []
    func run() throws { throw Trouble() }
}

/// Takes no arguments, so it refuses those of the test process.
private struct Strict: ParsableCommand {
    func run() { print("never") }
}

/// Scripts rely on these numbers, so they are written out here.
@Suite("How tools end")
struct ExitStatusTests {
    @Test("The numbers are fixed")
    func numbers() {
        let statuses: [CommandLineKit.ExitStatus] = [.success, .failure, .badInput, .limit, .refused]
        #expect(statuses.map(\.rawValue) == [0, 1, 2, 3, 4])
        #expect(CommandError("x").exitStatus == .badInput)
    }

    @Test("Success is 0, with the result on standard output")
    func success() async {
        let result = await #expect(
            processExitsWith: .exitCode(0),
            observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            CommandLineRunner.main(Succeeding.self)
        }
        let (output, diagnostics) = (result.standardOutput, result.standardError)
        #expect(output.contains("the result\n"))
        #expect(!diagnostics.contains("the result"))
    }

    @Test("A limit is 3, in one line on standard error that names the command")
    func limit() async {
        let result = await #expect(processExitsWith: .exitCode(3), observing: [\.standardErrorContent]) {
            CommandLineRunner.main(Limited.self)
        }
        #expect(result.standardError == "limited: budget: is used up; stop\n")
    }

    @Test("A refusal is 4, also of a command that suspends")
    func refused() async {
        let result = await #expect(processExitsWith: .exitCode(4), observing: [\.standardErrorContent]) {
            await CommandLineRunner.main(Refused.self)
        }
        #expect(result.standardError == "refused: server: refused\n")
    }

    @Test("Bad input is 2, whether the command or the parser finds it")
    func badInput() async {
        var result = await #expect(processExitsWith: .exitCode(2), observing: [\.standardErrorContent]) {
            CommandLineRunner.main(BadInput.self)
        }
        #expect(result.standardError == "bad-input: --rate: is 2, but must be at most 1\n")
        result = await #expect(processExitsWith: .exitCode(2), observing: [\.standardErrorContent]) {
            CommandLineRunner.main(Invalid.self)
        }
        #expect(result.standardError == "invalid: --size: is missing\n")
        result = await #expect(processExitsWith: .exitCode(2), observing: [\.standardErrorContent]) {
            CommandLineRunner.main(Strict.self)
        }
        let line = result.standardError
        #expect(line.hasPrefix("strict: ") && line.hasSuffix("\n") && line.count { $0 == "\n" } == 1, "\(line)")
    }

    @Test("Any other error is 1, its lines joined to one")
    func failure() async {
        let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
            CommandLineRunner.main(Failing.self)
        }
        #expect(result.standardError == "failing: disk: is full; free some space\n")
    }
}

extension ExitTest.Result? {
    /// What the process wrote, as text.
    fileprivate var standardOutput: String { String(decoding: self?.standardOutputContent ?? [], as: UTF8.self) }
    fileprivate var standardError: String { String(decoding: self?.standardErrorContent ?? [], as: UTF8.self) }
}
