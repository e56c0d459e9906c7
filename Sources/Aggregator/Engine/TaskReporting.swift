// SPDX-License-Identifier: Apache-2.0

internal import Accounting
internal import Cryptography
internal import Messages
internal import Rounds
internal import Store

/// Reports from what is stored alone, so that a running server and the command line tool tell the same.
extension Administration {
    static func report(
        on task: TaskRecord,
        session: StoreSession,
        ledger: Ledger,
        configuration: ServerConfiguration
    ) throws -> TaskReport {
        guard let planBytes = try session.blob(task.planHash) else {
            throw AggregatorError.failure("task \(task.name): its plan is not in the database")
        }
        let plan = try Sotto_V1_Plan(wire: planBytes, what: "plan of task \(task.name)").plan()
        let counts = plan.attempts(in: ledger)
        let attempts = counts.total
        // Before the first charge nothing is spent, but how it will be accounted is known.
        let claims = try plan.claims(attempts: attempts == 0 ? RoundCounts(training: 1) : counts)
        let certificate = ledger.charges.first { $0.attempt.task == task.name }?.certificate
        let main = claims.first { $0.adversary == .colluders(plan.privacy.colluders) }
        let results = try session.results(of: task.name)
        // An evaluation round leaves the model as it was scored before.
        let lastTrained = results.last { $0.heldOut == nil }
        let survivors = results.reduce(0) { $0 + $1.survivors }
        let modelBytes = try session.blobLength(task.modelHash) ?? 0
        return TaskReport(
            task: task.name,
            population: task.population,
            status: task.status.rawValue,
            statusReason: task.statusReason,
            model: plan.model.preset,
            parameters: plan.model.parameters,
            round: task.round,
            rounds: plan.rounds.rounds,
            attempts: attempts,
            cohort: plan.rounds.cohort,
            fewestSurvivors: plan.rounds.fewestSurvivors,
            waitingClients: 0,
            testAccuracy: lastTrained?.accuracy,
            testLoss: lastTrained?.loss,
            heldOut: try heldOut(plan, results, attempts: counts.evaluation),
            epsilon: attempts == 0 ? 0 : main?.epsilon,
            epsilonAgainst: PrivacyByAdversary(plan, claims: attempts == 0 ? nil : claims),
            plannedEpsilon: plan.privacy.targetEpsilon,
            delta: plan.privacy.delta,
            deltaParts: main?.deltaParts,
            unit: PrivacyUnit.example.rawValue,
            adjacency: Adjacency.addRemoveOne.rawValue,
            sampling: plan.sampling(attempts: counts),
            accountant: main?.accountant.title ?? "",
            conversion: main?.conversion?.rawValue ?? "",
            assumptions: main?.assumptions ?? [],
            noiseMultiplier: plan.noiseMultiplier(against: .colluders(plan.privacy.colluders)),
            sensitivityInflation: certificate?.inflation ?? 1,
            bytesUpPerClientRound: survivors == 0
                ? 0 : Double(results.reduce(0) { $0 + $1.bytesUp }) / Double(survivors),
            bytesDownPerClientRound: Double(modelBytes),
            secondsPerRound: results.isEmpty ? 0 : results.reduce(0) { $0 + $1.seconds } / Double(results.count),
            serverPeakMiB: 0,
            modelSHA256: Hexadecimal.text(task.modelHash),
            ledgerHead: Hexadecimal.text(ledger.head.hash),
            ledgerEntries: ledger.entries.count,
            modelFolder: modelFolder(task.name, stateFolder: configuration.stateFolder),
            database: configuration.database.description
        )
    }

    private static func heldOut(_ plan: TaskPlan, _ results: [RoundResult], attempts: Int) throws -> HeldOutReport? {
        guard let terms = plan.evaluation, let every = plan.rounds.evaluationEvery else { return nil }
        return HeldOutReport(
            rounds: results.compactMap { result in
                result.heldOut.map { HeldOutReport.Line(round: result.round, $0) }
            },
            attempts: attempts,
            every: every,
            samplingRate: terms.samplingRate,
            lossBound: terms.lossBound,
            bound: terms.bound,
            shareSigma: 64 * Double(terms.noiseMultiple),
            epsilonPaid: PrivacyByAdversary(
                plan,
                claims: attempts == 0 ? nil : try plan.claims(attempts: RoundCounts(evaluation: attempts))
            )
        )
    }
}

extension HeldOutReport.Line {
    init(round: Int, _ metrics: HeldOutMetrics) {
        self.init(
            round: round,
            count: metrics.count,
            countError: metrics.countError,
            accuracy: metrics.accuracy,
            accuracyError: metrics.accuracyError,
            loss: metrics.loss,
            lossError: metrics.lossError
        )
    }
}

extension PrivacyByAdversary {
    /// - Parameter claims: `nil` before anything was charged; then every ε is 0.
    init(_ plan: TaskPlan, claims: [PrivacyClaim]?) {
        func epsilon(_ adversary: Adversary) -> Double? {
            guard let claims else { return 0 }
            return claims.first { $0.adversary == adversary }?.epsilon
        }
        self.init(
            outsider: epsilon(.outsider),
            client: epsilon(.client),
            colluders: epsilon(.colluders(plan.privacy.colluders)),
            server: epsilon(.server),
            colluderCount: plan.privacy.colluders
        )
    }
}
