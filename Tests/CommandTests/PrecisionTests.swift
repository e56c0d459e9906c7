// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestKit
import Testing

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

@Suite("sotto precision")
struct PrecisionTests {
    private struct Report: Decodable {
        struct Row: Decodable {
            let precision: String
            let setting: String
            let accuracy: Double?
            let accuracyInterval: [Double]?
            let intervalKind: String?
            let cosine: Double?
            let certificateViolations: Int?
            let seeds: [Int]
        }

        let noiseSecure: Bool
        let reused: Int
        let rows: [Row]
    }

    private static let small = [
        "precision", "--model", "mlp", "--data", "digits", "--epochs", "1", "--batch", "64", "--learning-rate", "0.25",
        "--noise-multiplier", "1", "--privacy", "with", "--precisions", "fp32,bf16", "--seeds", "1,2", "--rounds", "8",
    ]

    @Test("A study that is killed goes on where it was, and repeats no finished run")
    func resume() async throws {
        let tool = try Tool()
        let results = tool.folder.file("results")
        let page = tool.folder.file("page.html")
        let command = Self.small + ["--output", results]
        let running = try RunningProcess("sotto", command, in: tool.folder)
        // Not by a task's sleep, from which a busy machine wakes up when all is over.
        for _ in 0..<20_000 where Self.runs(results).isEmpty { usleep(1000) }
        running.signal(SIGKILL)
        #expect(try await running.ended().status == -Int(SIGKILL))
        let before = Self.runs(results)
        let report = try await tool.json(command + ["--report", page], as: Report.self)
        #expect(report.reused >= before.count && !report.noiseSecure)
        // A repeated run would have another time in its file.
        let after = Self.runs(results)
        for (name, bytes) in before { #expect(after[name] == bytes) }
        #expect(!before.isEmpty && before.count < 8 && after.count == 8)
        #expect(report.rows.map(\.precision) == ["fp32", "bf16", "fp32", "bf16"])
        for row in report.rows {
            #expect(row.accuracy.map { $0 > 0.1 } == true && row.seeds == [1, 2] && row.intervalKind == "student")
            #expect(row.accuracyInterval?.count == 2 && row.certificateViolations == 0 && row.cosine != nil)
        }
        #expect(try await tool.json(command, as: Report.self).reused == 12)
        let html = String(decoding: tool.folder.bytes(of: "page.html") ?? [], as: UTF8.self)
        #expect(html.contains("Accuracy by precision") && html.contains("--seeds 1,2") && malformation(of: html) == nil)
    }

    @Test("What cannot be compared is refused in one line")
    func refused() async throws {
        let tool = try Tool()
        try await tool.fails(["precision"], 2, "--epochs")
        try await tool.fails(Self.small + ["--precisions", "fp32,fp8"], 2, "precisions")
        try await tool.fails(Self.small + ["--clipping", "none"], 2, "--privacy without")
        try await tool.fails(Self.small + ["--clients", "1"], 2, "--clients")
        try await tool.fails(Self.small + ["--memory-limit", "1KiB"], 3, "memory limit")
        try await tool.fails(Self.small + ["--data", "cifar10:/nowhere"], 2, "/nowhere/data_batch_1.bin")
    }

    /// The files of finished runs, with what is in them.
    private static func runs(_ folder: String) -> [String: Data] {
        var files: [String: Data] = [:]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix("run-") && name.hasSuffix(".json") {
            files[name] = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
        }
        return files
    }
}
