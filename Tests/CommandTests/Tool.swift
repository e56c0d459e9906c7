// SPDX-License-Identifier: Apache-2.0

import TestKit
import Testing

/// The shipped `sotto`, in a folder of its own.
struct Tool {
    let folder: MemoryFolder

    init() throws {
        folder = try MemoryFolder()
    }

    func run(_ arguments: [String]) async throws -> Ended {
        try await Executable.run("sotto", arguments, in: folder)
    }

    /// What a command that has to succeed prints with `--json`.
    func json<Report: Decodable>(_ arguments: [String], as type: Report.Type) async throws -> Report {
        let ended = try await run(arguments + ["--json"])
        try #require(ended.status == 0, "\(ended.errors)")
        #expect(ended.errors.isEmpty)
        return try decoded(Array(ended.output.utf8), as: type)
    }

    /// A command that has to fail: its status, and one line that says why.
    func fails(_ arguments: [String], _ status: Int, _ reason: String) async throws {
        let ended = try await run(arguments)
        #expect(ended.status == status, "\(arguments): \(ended.errors)")
        #expect(ended.complaint?.contains(reason) == true, "\(arguments): \(ended.errors)")
    }

    /// A short training run on the digits.
    func train(_ more: [String] = [], noise: String = "1") -> [String] {
        [
            "train", "--model", "logistic", "--data", "digits", "--epochs", "0.5", "--batch", "64",
            "--learning-rate", "0.5", "--clip", "1", "--delta", "1e-5", "--noise-multiplier", noise,
        ] + more
    }
}
