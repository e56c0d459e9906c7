// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Datasets
import Kernels
import Networks
import Participant
import Rounds
import TestKit
import Testing
import Training

@Suite("What a task computes with")
struct TaskNumbersTests {
    /// The plan of a task file with more lines in its section [model].
    private func planned(_ lines: String) throws -> TaskPlanner.Planned {
        let folder = try MemoryFolder()
        try folder.put(Terms().toml.replacing("[data]", with: lines + "\n[data]"), in: "task.toml")
        return try TaskPlanner.plan(TaskConfiguration(path: folder.file("task.toml")))
    }

    private func reviewed(_ planned: TaskPlanner.Planned) throws -> ReviewedPlan {
        try ReviewedPlan(
            bytes: planned.planBytes,
            hash: planned.planHash,
            dataset: DatasetSource.load("digits").train,
            memoryLimit: .max,
            workers: 1,
            baseBytes: 0
        )
    }

    @Test("A task file's numbers reach the client's clipping, and are in the hash of the plan")
    func reachTheClient() throws {
        let plain = try planned("")
        #expect(plain.plan.model.numbers == .single)
        #expect(try reviewed(plain).clipping.options.numerics == .single)
        #expect(try planned("precision = \"fp32\"\nloss-scale = 1").planHash == plain.planHash)
        let half = try planned("precision = \"fp16\"\nstorage = \"bf16\"")
        let expected = Numerics(arithmetic: ProductArithmetic(.fp16), storage: .bf16, lossScale: 256)
        let review = try reviewed(half)
        #expect(review.numerics == expected && review.clipping.options.numerics == expected)
        #expect(half.planHash != plain.planHash)
        let scaled = try planned("precision = \"fp16\"\nstorage = \"bf16\"\nloss-scale = 1024")
        #expect(try reviewed(scaled).numerics.lossScale == 1024 && scaled.planHash != half.planHash)
    }
}
