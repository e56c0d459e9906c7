// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import CommandLineKit
import Datasets
import Kernels
import Networks
import Training

/// What `sotto train` prints.
struct TrainReport: Encodable {
    let model: String
    let data: String
    let parameters: Int
    let clipping: String
    let precision: Precision
    let epsilon: Double
    let epsilonRDP: Double?
    let epsilonClassic: Double?
    let epsilonAgainst: PrivacyStatement.EpsilonAgainst
    let delta: Double
    let deltaParts: DeltaParts
    let unit: PrivacyUnit
    let adjacency: Adjacency
    let sampling: String
    let samplingRate: Double
    let accountant: Accountant
    let conversion: Conversion?
    let order: Double?
    let noiseSecure: Bool
    let assumptions: [String]
    let steps: Int
    let noiseMultiplier: Double
    let sensitivityInflation: Double
    let testAccuracy: Double
    let testLoss: Double
    let samplesPerSecond: Double
    let seconds: Double
    let baseMiB: Double?
    let peakMiB: Double?
    let planMiB: Double
    let physicalBatch: Int
    /// Of all runs in the ledger; nil where none is kept or nothing can be stated.
    let ledgerEpsilon: Double?
    let ledgerEntries: Int?
    let ledgerRuns: Int?
    let ledgerHead: String?

    private enum CodingKeys: CodingKey {
        case model, data, parameters, clipping, precision, epsilon, epsilonRDP, epsilonClassic, epsilonAgainst, delta
        case deltaParts
        case unit, adjacency, sampling, samplingRate, accountant, conversion, order, noiseSecure, assumptions, steps
        case noiseMultiplier, sensitivityInflation, testAccuracy, testLoss, samplesPerSecond, seconds, baseMiB, peakMiB,
            planMiB
        case physicalBatch, ledgerEpsilon, ledgerEntries, ledgerRuns, ledgerHead
    }

    private let claim: PrivacyClaim
    private let ledger: LedgerTotal?

    /// - Parameters:
    ///   - seconds: what the steps took, evaluation and loading apart.
    ///   - baseBytes: of the process and its data before the run; nil where the kernel does not tell.
    ///   - peakBytes: of the whole process; nil where the kernel does not tell.
    ///   - ledger: of all runs on the data; nil where none is kept.
    init(
        _ plan: CentralPlan,
        _ outcome: CentralTrainer.Outcome,
        data: String,
        precision: Precision,
        seconds: Double,
        baseBytes: Int?,
        peakBytes: Int?,
        ledger: LedgerTotal?
    ) {
        claim = plan.claim
        model = plan.configuration.network.name
        self.data = data
        parameters = plan.grid.dimension
        clipping = plan.configuration.method.rawValue
        self.precision = precision
        epsilon = claim.epsilon
        epsilonRDP = plan.renyiClaims[.improved]?.epsilon
        epsilonClassic = plan.renyiClaims[.classic]?.epsilon
        epsilonAgainst = PrivacyStatement.EpsilonAgainst([claim])
        delta = claim.delta
        deltaParts = claim.deltaParts
        unit = claim.unit
        adjacency = claim.adjacency
        sampling = claim.sampling
        samplingRate = plan.sampler.rate
        accountant = claim.accountant
        conversion = claim.conversion
        order = claim.order
        noiseSecure = claim.noiseSecure
        assumptions = claim.assumptions
        steps = plan.steps
        noiseMultiplier = plan.noise.noiseMultiplier
        sensitivityInflation = plan.certificate.inflation
        testAccuracy = outcome.evaluation.accuracy
        testLoss = outcome.evaluation.loss
        // Expected examples: how many were really drawn is nobody's business.
        samplesPerSecond = plan.normaliser * Double(plan.steps) / max(seconds, 1e-9)
        self.seconds = seconds
        baseMiB = baseBytes.map { Double($0) / 0x1p20 }
        peakMiB = peakBytes.map { Double($0) / 0x1p20 }
        planMiB = Double(plan.plannedBytes) / 0x1p20
        physicalBatch = plan.memory.physicalBatch
        self.ledger = ledger
        ledgerEpsilon = ledger?.standing.epsilon
        ledgerEntries = ledger?.entries
        ledgerRuns = ledger?.runs
        ledgerHead = ledger?.head
    }

    /// The table for people.
    func fill(_ table: inout TextTable) {
        table.row("model", "\(model), \(Decimal.grouped(parameters)) parameters")
        table.row("data", data)
        table.row("test accuracy", "\(Decimal.text(100 * testAccuracy, digits: 2)) %")
        table.row("test loss", testLoss.short)
        table.row("steps", "\(Decimal.grouped(steps)) in \(seconds.short) s")
        table.row("speed", "\(Decimal.grouped(Int(samplesPerSecond))) examples/s")
        let run = peakMiB.flatMap { peak in baseMiB.map { peak - $0 } }
        let peak = run.map { Decimal.text($0, digits: 1) } ?? "unknown"
        table.row("memory", "\(peak) MiB for the run, \(Decimal.text(planMiB, digits: 1)) MiB planned")
        table.row("clipping", "\(clipping), sensitivity inflation \(sensitivityInflation)")
        table.row("noise multiplier", noiseMultiplier.short)
        for (label, value) in claim.rows { table.row(label, value) }
        for (label, epsilon) in [("by RDP", epsilonRDP), ("by RDP, classic conversion", epsilonClassic)] {
            if let epsilon { table.row(label, "epsilon \(epsilon.roundedUp(decimals: 4))") }
        }
        if let ledger { table.row("ledger", ledger.line) }
    }
}
