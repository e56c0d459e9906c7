// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
package import Datasets
package import Kernels
package import Networks
package import Training

/// Where a study trains.
package enum StudySetting: String, Hashable, Sendable, Codable, CaseIterable {
    /// One machine, one training set.
    case central
    /// Clients with a part of it each, and a server: their code, without the network between them.
    case federated
}

/// The task that a study trains again and again, and how; everything but precision, setting, privacy and seed.
///
/// The room *PrecisionStudy* trains one task in several precisions from the same seeds and with the same draws, measures
/// accuracy, speed and memory, compares clipped sums with a reference in Float64, and searches for a neighbour that breaks
/// a sensitivity certificate. All of that is about examples and nothing of it is noised, so it refuses data that nobody
/// declared public; its coins and noise can be repeated by everybody (``InsecureRandomness``), so that nothing it trains is
/// private and nothing it trains leaves it.
package struct StudyTask: Sendable {
    package var network: Network
    /// What the network is, beyond its name: equal for equal networks.
    package var modelIdentity: String
    /// The preset's name; nil for any other network, which a federated task cannot have.
    package var preset: String?
    /// What the data is called.
    package var data: String
    package var train: Dataset
    package var test: Dataset
    /// The expected number of examples in a step.
    package var batch: Double
    /// Expected passes over the training set.
    package var epochs: Double
    package var learningRate: Double
    package var momentum: Double
    package var clip: Double
    package var noise: CentralConfiguration.NoiseTarget
    package var delta: Double
    package var method: ClippingMethod
    /// What activations and gradients rest in; nil for floats.
    package var storage: NumberFormat?
    /// The factor of every loss; nil for what is usual with a precision.
    package var lossScale: Float?
    /// Clients of the federated setting, each with an equal part of the training set.
    package var clients = 4
    /// Rounds of the federated setting; nil for as many as a central run has steps.
    package var rounds: Int?
    package var workers = 1
    /// Bytes of a run, beyond the process and its data; nil for no limit.
    package var memoryLimit: Int?
    /// Examples whose clipped sum is compared with the reference.
    package var probeExamples = 64
    /// Examples of the data that are tried as neighbours, beside those that are made to do harm.
    package var neighbours = 32

    package init(
        network: Network,
        modelIdentity: String,
        preset: String?,
        data: String,
        train: Dataset,
        test: Dataset,
        batch: Double,
        epochs: Double,
        learningRate: Double,
        momentum: Double,
        clip: Double,
        noise: CentralConfiguration.NoiseTarget,
        delta: Double,
        method: ClippingMethod
    ) {
        self.network = network
        self.modelIdentity = modelIdentity
        self.preset = preset
        self.data = data
        self.train = train
        self.test = test
        self.batch = batch
        self.epochs = epochs
        self.learningRate = learningRate
        self.momentum = momentum
        self.clip = clip
        self.noise = noise
        self.delta = delta
        self.method = method
    }

    /// What a run in some precision computes with.
    package func numerics(_ precision: Precision) -> Numerics {
        Numerics(arithmetic: ProductArithmetic(precision), storage: storage, lossScale: lossScale)
    }

    /// q, the probability with which every example takes part in a step.
    package var rate: Double { batch / Double(train.count) }
    /// Steps of a central run, as a central plan counts them.
    package var steps: Int { Int(max(1, min(1e9, (epochs / rate).rounded()))) }
    /// Steps or rounds of a run.
    package func steps(_ setting: StudySetting) -> Int { setting == .federated ? rounds ?? steps : steps }
    /// q·N, the constant by which sums are divided.
    var normaliser: Double { rate * Double(train.count) }

    /// The K-th client's examples, from 0: dealt in turn.
    func part(_ client: Int) -> Dataset {
        train.subset(stride(from: client, to: train.count, by: clients), name: "\(train.name), client \(client + 1)")
    }

    /// Some examples, evenly spaced; at most as many as there are.
    func spaced(_ count: Int, from first: Int = 0) -> Dataset {
        let count = min(count, train.count)
        return train.subset((0..<count).map { (first + $0 * (train.count / max(1, count))) % train.count })
    }

    /// Refuses what no run can do, before the first of them.
    func check(_ settings: [StudySetting]) throws(StudyError) {
        for data in [train, test] where !data.isPublic { throw .notPublic(data.name) }
        guard train.count >= 1, test.count >= 1 else { throw .argument("--data: \(data) has no examples") }
        guard batch > 0, rate <= 1 else {
            throw .argument("--batch \(batch): above 0 and at most the \(train.count) training examples would be right")
        }
        guard epochs > 0, epochs / rate < 1e9, (epochs / rate).rounded() >= 1 else {
            throw .argument("--epochs \(epochs): at least \(rate), one step, and below 10^9 steps would be right")
        }
        guard settings.contains(.federated) else { return }
        guard preset != nil else {
            throw .argument("--model: a federated task has a preset as its model; name one, or --settings central")
        }
        guard (2...1024).contains(clients), clients <= train.count else {
            throw .argument("--clients \(clients): 2 to 1024 clients with an example each would be right")
        }
        if let rounds, !(1...10_000_000).contains(rounds) {
            throw .argument("--rounds \(rounds): 1 to 10,000,000 would be right")
        }
    }

    /// A name for the examples: a hash of sizes, labels, and every so-many-th example, some 256 in all.
    func dataIdentity() -> String {
        var hasher = SHA256Hasher()
        var features = [Float](repeating: 0, count: train.featureCount)
        var bytes = [UInt8](repeating: 0, count: 4 * train.featureCount)
        for data in [train, test] {
            hasher.update(Array("\(data.contents)\n".utf8))
            hasher.update((0..<data.count).map { UInt8(truncatingIfNeeded: data.label($0)) })
            for example in 0..<data.count {
                do {
                    var span = features.mutableSpan
                    data.write(example: example, into: &span)
                }
                for (index, value) in features.enumerated() {
                    let bits = value.bitPattern
                    bytes[4 * index] = UInt8(truncatingIfNeeded: bits)
                    bytes[4 * index + 1] = UInt8(truncatingIfNeeded: bits >> 8)
                    bytes[4 * index + 2] = UInt8(truncatingIfNeeded: bits >> 16)
                    bytes[4 * index + 3] = UInt8(truncatingIfNeeded: bits >> 24)
                }
                hasher.update(bytes)
            }
        }
        return Hexadecimal.text(hasher.finalize().prefix(16))
    }
}

/// Why a study was refused: one line with what, where, and what would be right.
package enum StudyError: Error, Hashable, CustomStringConvertible {
    case argument(String)
    /// Nobody declared these examples public.
    case notPublic(String)

    package var description: String {
        switch self {
        case .argument(let line): line
        case .notPublic(let name):
            "data set \(name) is not declared public, and clipped shares, errors of single batches and runs without noise"
                + " tell about its examples; use public data of the same kind, or --public-data if it is public"
        }
    }
}
