// SPDX-License-Identifier: Apache-2.0

import Datasets
import Files
import Kernels
import Networks
import PrecisionStudy
import TestKit
import Testing
import Training

@Suite("Comparing precisions")
struct StudyTests {
    /// Logistic regression on the digits: seven steps of 64.
    static func task(clipping: ClippingMethod = .auto, workers: Int = 2) throws -> StudyTask {
        let (train, test) = try DatasetSource.load("digits")
        let network = try Network.preset("logistic", input: Shape(train.exampleShape), classes: train.classes)
        var task = StudyTask(
            network: network,
            modelIdentity: "logistic",
            preset: "logistic",
            data: "digits",
            train: train,
            test: test,
            batch: 64,
            epochs: 0.3,
            learningRate: 0.5,
            momentum: 0.5,
            clip: 1,
            noise: .multiplier(1),
            delta: 1e-5,
            method: clipping
        )
        task.workers = workers
        task.clients = 3
        task.neighbours = 8
        task.lossScale = 1
        return task
    }

    static let everything = Study.Scope(
        precisions: Precision.allCases,
        settings: StudySetting.allCases,
        privacy: [true, false],
        seeds: [1]
    )

    static func results(
        _ task: StudyTask,
        _ scope: Study.Scope = everything,
        in folder: String? = nil
    ) throws -> Study.Results {
        var study = try Study(task, scope, folder: folder.map { path throws(FileError) in try StudyFolder(path) })
        return try study.run()
    }

    /// The unit roundoff of an operand.
    private static func roundoff(_ precision: Precision) -> Double {
        switch precision {
        case .fp32: 0x1p-24
        case .tf32, .fp16: 0x1p-11
        case .bf16: 0x1p-8
        }
    }

    @Test(
        "No certificate is broken, and sums agree as well as their operands are rounded",
        arguments: [ClippingMethod.auto, .perExample, .bookKeeping]
    )
    func agreement(clipping: ClippingMethod) throws {
        let task = try Self.task(clipping: clipping)
        let rows = StudyRow.all(task, Self.everything, try Self.results(task))
        #expect(rows.count == 16)
        for row in rows {
            #expect(row.diverged == 0 && row.accuracy.map { $0 > 0.3 && $0 <= 1 } == true, "\(row)")
            #expect(row.steps == 7 && row.samplesPerSecond > 0 && row.planMiB > 0)
            // Logits are sums of |w||x|, about 4, whose operands err by 2u; the softmax passes at most that on; the weight
            // gradient's operands err by 2u again: about 8u of an example's gradient. Of 64 examples in ten classes less
            // than three quarters cancel, which is a factor of 4. The reference and the grid are good for 2^-20.
            let error = 32 * Self.roundoff(row.precision) + 0x1p-20
            #expect(row.relativeError.map { $0 <= error } == true, "\(row)")
            #expect(row.cosine.map { $0 >= 1 - error * error / 2 - 1e-12 } == true, "\(row)")
            guard row.isPrivate else {
                #expect(row.certificateViolations == nil && row.epsilon == nil && row.clippedShare == nil)
                continue
            }
            #expect(row.certificateViolations == 0 && row.neighbours.map { $0 > 60 } == true)
            #expect(row.largestNeighbourRatio.map { $0 > 0.5 && $0 <= 1 } == true, "\(row)")
            #expect(row.clippedShare.map { $0 > 0 && $0 <= 1 } == true && row.massCappedShare != nil)
            #expect(row.epsilon.map { $0 > 0 } == true && row.sensitivityInflation.map { $0 <= 1.01 } == true)
        }
    }

    @Test("The number of workers changes nothing about draws, noise and a private result")
    func workers() throws {
        let scope = Study.Scope(precisions: [.fp32], settings: StudySetting.allCases, privacy: [true], seeds: [1, 2])
        let losses = try [1, 2].map { workers in
            try Self.results(Self.task(clipping: .perExample, workers: workers), scope).runs.map(\.loss)
        }
        #expect(losses[0] == losses[1] && losses[0].allSatisfy { $0 != nil })
        #expect(Set(losses[0]).count == 4)
    }

    @Test("Finished results are never repeated, and others of the same folder are not mistaken for them")
    func reuse() throws {
        let folder = try TemporaryFolder()
        var scope = Study.Scope(precisions: [.bf16], settings: [.central], privacy: [true], seeds: [1])
        #expect(scope.precisions == [.fp32, .bf16])
        let task = try Self.task()
        let first = try Self.results(task, scope, in: folder.path)
        #expect(first.reused == 0 && first.runs.count == 2 && first.probes.count == 2)
        let again = try Self.results(task, scope, in: folder.path)
        #expect(again.reused == 4 && again.runs == first.runs && again.probes == first.probes)
        scope.seeds = [1, 2]
        let more = try Self.results(task, scope, in: folder.path)
        #expect(more.reused == 4 && more.runs.count == 4)
        var other = task
        other.clip = 2
        #expect(try Self.results(other, scope, in: folder.path).reused == 0)
        // A run whose parameters are gone is made again, because probes need them.
        for name in try folder.names where name.hasSuffix(".safetensors") {
            try DurableFile.remove(folder.file(name))
        }
        #expect(try Self.results(task, scope, in: folder.path).reused == 4)
        for name in try folder.names where name.hasPrefix("run-central-private-bf16") {
            try folder.put(Array("{}".utf8), in: name)
        }
        #expect(throws: FileError.self) { try Self.results(task, scope, in: folder.path) }
    }

    @Test("What is not public, or no run can do, is refused before anything is computed")
    func refused() throws {
        func complaint(_ change: (inout StudyTask) -> Void) throws -> String {
            var task = try Self.task()
            change(&task)
            return try #require(throws: StudyError.self) { _ = try Study(task, Self.everything, folder: nil) }
                .description
        }
        let secret = try IDXFolder()
        #expect(try complaint { $0.train = secret.train }.contains("--public-data"))
        #expect(try complaint { $0.batch = 1e6 }.contains("--batch"))
        #expect(try complaint { $0.epochs = 1e-9 }.contains("--epochs"))
        #expect(try complaint { $0.preset = nil }.contains("--settings central"))
        #expect(try complaint { $0.clients = 1 }.contains("--clients"))
        #expect(try complaint { $0.rounds = 0 }.contains("--rounds"))
    }

    @Test("Intervals are those of the books")
    func intervals() throws {
        // Wilson's score for 90 of 100, and Student's t for three numbers: 0.82 ± 4.3027 · 0.02 / √3.
        let one = try #require(AccuracyInterval([0.9], examples: 100))
        #expect(one.kind == .wilson && abs(one.low - 0.825634) < 1e-6 && abs(one.high - 0.944771) < 1e-6)
        let three = try #require(AccuracyInterval([0.8, 0.82, 0.84], examples: 100))
        #expect(three.kind == .student && abs(three.low - 0.770317) < 1e-6 && abs(three.high - 0.869683) < 1e-6)
        let wide = try #require(AccuracyInterval([0, 1], examples: 100))
        #expect(wide.low == 0 && wide.high == 1)
        #expect(AccuracyInterval([], examples: 100) == nil)
    }
}

/// A private data set of two examples in the digits' shape.
private struct IDXFolder {
    let train: Dataset

    init() throws {
        let folder = try TemporaryFolder()
        for prefix in ["train", "t10k"] {
            let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8]
            try folder.put(images + [UInt8](repeating: 1, count: 128), in: "\(prefix)-images-idx3-ubyte")
            try folder.put([0, 0, 8, 1, 0, 0, 0, 2, 1, 2], in: "\(prefix)-labels-idx1-ubyte")
        }
        train = try DatasetSource.load("idx:\(folder.path)").train
    }
}
