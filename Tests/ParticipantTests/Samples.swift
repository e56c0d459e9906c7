// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import Participant
import Rounds

/// Plans and certificates for these tests.
enum Samples {
    static let bound: Int64 = 65_000
    static let noiseMultiple: UInt64 = 900

    static func plan(
        _ task: String = "t",
        rounds: Int = 10,
        colluders: Int = 2,
        evaluation: EvaluationTerms? = nil,
        _ change: (inout RoundTerms) -> Void = { _ in }
    ) throws -> TaskPlan {
        var terms = RoundTerms(rounds: rounds, cohort: 10, fewestSurvivors: 8, deadlineSeconds: 60)
        change(&terms)
        return try TaskPlan(
            task: task,
            population: "people",
            model: ModelTerms(
                preset: "logistic",
                inputShape: [1, 8, 8],
                classes: 10,
                parameters: 650,
                initialisationSeed: 1
            ),
            privacy: PrivacyTerms(
                samplingRate: 0.5,
                targetEpsilon: 4,
                delta: 1e-6,
                clipNorm: 1,
                clippingMethod: "per-example",
                gridExponent: 16,
                bound: bound,
                noiseMultiple: noiseMultiple,
                colluders: colluders
            ),
            rounds: terms,
            optimizer: OptimizerTerms(kind: "sgd", learningRate: 0.5, momentum: 0.9, normaliser: 50),
            ringBits: 32,
            evaluation: evaluation
        )
    }

    /// What one round of the plan spends, written out: the shares that remain honest against each adversary.
    static func event(shares: Int) -> PrivacyEvent {
        let sigma = 64 * Double(noiseMultiple)
        return .poissonSampled(
            rate: 0.5,
            event: shares == 1
                ? .discreteGaussian(sigma: sigma, sensitivity: Double(bound))
                : .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: Double(bound))
        )
    }

    /// ε of so many rounds at the accountant's share of the device's δ.
    static func epsilon(rounds: Int, shares: Int, delta: Double) throws -> Double {
        try RDPAccountant.epsilon(
            of: .composed([.init(event(shares: shares), count: rounds)]),
            delta: delta * 1023 / 1024
        ).epsilon
    }

    static let certificate = SensitivityCertificate(
        method: "per-example",
        bound: bound,
        gridExponent: 16,
        dimension: 650,
        inflation: 1,
        derivation: "a test"
    )

    static func hash(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 32) }

    static func round(_ round: Int, attempt: Int = 1, task: String = "t") -> RoundIdentifier {
        RoundIdentifier(task: task, round: round, attempt: attempt)
    }

    /// Tries again while a folder is in use: a process that another test starts has a copy of its lock for a moment, between
    /// fork and exec.
    static func whileLocked<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
        for _ in 0..<1000 {
            do {
                return try body()
            } catch ParticipantError.input(let reason) where reason.contains("in use") {
                usleep(1000)
            }
        }
        return try body()
    }

    static func folder(_ path: String, key: DeviceKeySource = .stateFolder) throws -> StateFolder {
        try whileLocked { try StateFolder(path, key: key) }
    }
}
