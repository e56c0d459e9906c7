// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Datasets
package import Kernels
internal import Networks
internal import Training

/// One line of the table: what differs between runs of one task, the seed apart.
package struct StudyCell: Hashable, Sendable, Codable {
    package let setting: StudySetting
    /// Whether gradients are clipped and noised; otherwise they are added up as they are.
    package let isPrivate: Bool
    package let precision: Precision

    package init(setting: StudySetting, isPrivate: Bool, precision: Precision) {
        self.setting = setting
        self.isPrivate = isPrivate
        self.precision = precision
    }
}

/// One training run.
package struct StudyRun: Hashable, Sendable, Codable {
    package let cell: StudyCell
    /// Seeds initial parameters, draws and noise.
    package let seed: UInt64

    package init(_ cell: StudyCell, seed: UInt64) {
        self.cell = cell
        self.seed = seed
    }
}

/// Everything that a result depends on, in a fixed order: its hash names the result's file.
struct StudyKey: Encodable {
    private static let format = 1

    private let format: Int
    private let kind: String
    private let cell: StudyCell
    /// The run's seed; of a probe, that of the run whose parameters it is about.
    private let seed: UInt64
    /// SHA-256 of the program: what another build found is not mixed in.
    private let program: String
    /// Library and processor: times and certificates are this machine's.
    private let machine: String
    private let model, data, dataIdentity: String
    private let training, test: Int
    private let batch, epochs, learningRate, momentum, clip, delta: Double
    private let noise, method, storage: String
    private let lossScale: Float
    private let clients, rounds, workers, memoryLimit, probeExamples, neighbours: Int

    /// - Parameters:
    ///   - kind: of result.
    ///   - dataIdentity: ``StudyTask/dataIdentity()``, which is worth computing once.
    ///   - program: its hash.
    init(
        _ kind: String,
        _ cell: StudyCell,
        seed: UInt64,
        _ task: StudyTask,
        dataIdentity: String,
        program: String
    ) {
        self.program = program
        machine = Processor.description
        format = Self.format
        self.kind = kind
        self.cell = cell
        self.seed = seed
        self.dataIdentity = dataIdentity
        model = task.modelIdentity
        data = task.data
        (training, test) = (task.train.count, task.test.count)
        (batch, epochs, learningRate) = (task.batch, task.epochs, task.learningRate)
        (momentum, clip, delta) = (task.momentum, task.clip, task.delta)
        noise = "\(task.noise)"
        method = task.method.rawValue
        storage = task.storage?.rawValue ?? "fp32"
        lossScale = task.numerics(cell.precision).lossScale
        let isFederated = cell.setting == .federated
        (clients, rounds) = (isFederated ? task.clients : 0, isFederated ? task.steps(.federated) : 0)
        (workers, memoryLimit) = (task.workers, task.memoryLimit ?? 0)
        let isProbe = kind == "probe"
        (probeExamples, neighbours) = (isProbe ? task.probeExamples : 0, isProbe ? task.neighbours : 0)
    }

    /// A file's name without its extension: readable, and ending in the hash.
    func name() throws(TrainingError) -> String {
        let hash = Hexadecimal.text(SHA256.hash(Array(try JSONText.encode(self).utf8)).prefix(8))
        let privacy = cell.isPrivate ? "private" : "plain"
        return "\(kind)-\(cell.setting.rawValue)-\(privacy)-\(cell.precision.rawValue)-seed\(seed)-\(hash)"
    }
}
