// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Auditing
import Cryptography
import Datasets
import Messages
import Networks
import Participant
import Rounds
import Store
import TestKit
import Testing
import Training
import Updates

@Suite("Evaluation rounds on held-out data", .timeLimit(.minutes(2)))
struct EvaluationRoundTests {
    private static let heldOut = "every = 2\nnoise-multiplier = 2.0\nloss-bound = 3.0"

    /// Rounds 1, 2, 4 and 5 train; 3 and 6 evaluate.
    private static func terms() -> Terms {
        var terms = Terms()
        terms.rounds = 4
        terms.heldOut = heldOut
        return terms
    }

    private func devices(_ world: World, isNoisy: Bool, heldOut: [Int] = [1, 2, 3]) throws -> [Device] {
        try (1...3).map { index in
            try Device(
                world,
                index: index,
                of: 3,
                heldOut: heldOut.contains(index) ? "digits-test:\(index)/3" : nil,
                isNoisy: isNoisy
            )
        }
    }

    private func results(_ world: World) throws -> [RoundResult] {
        try world.stored { try $0.results(of: world.terms.name) }
    }

    @Test(
        "With noise off metrics are those of a central evaluation of the same model, and training goes on undisturbed"
    )
    func equalsCentral() async throws {
        let world = try await World(Self.terms())
        try await world.run(devices(world, isNoisy: false))
        let task = try world.task()
        #expect(task.status == .finished && task.round == 6)

        let test = try DatasetSource.load("digits").test
        var central = try CentralRun(world.plan(), parts: 3)
        let spent = try world.ledger().entries.filter { $0.charge.kind == .spent }
        let results = try results(world)
        #expect(spent.count == 6 && results.map(\.round) == Array(1...6))
        let scale = Double(try world.plan().evaluationTerms.scale)
        for (entry, result) in zip(spent, results) {
            #expect(entry.charge.modelHashBefore == central.modelHash)
            if result.round.isMultiple(of: 3) {
                let score = try CentralScore(model: central.model, on: test, lossBound: 3)
                let metrics = try #require(result.heldOut)
                #expect(metrics.count == 359)
                #expect(abs(try #require(metrics.accuracy) - score.accuracy) < 1e-12)
                // Half a step of each rounded loss, and what single precision takes of a loss of a few nats.
                #expect(abs(try #require(metrics.loss) - score.loss) < 3 / (4 * scale) + 1e-5)
                #expect(score.accuracy > 0.3 && result.accuracy == nil)
            } else {
                #expect(result.heldOut == nil)
                try central.step(round: result.round, devices: [1, 2, 3])
            }
            #expect(entry.charge.modelHashAfter == central.modelHash)
        }
        #expect(try world.stored { try $0.blob(task.modelHash) } == central.model)
    }

    /// The estimates are within z standard errors of the truth, z for a false-alarm rate of 1e-6 in all comparisons together;
    /// errors are of first order, and the second, σ/S0 of below 2 %, is granted by 5 %.
    @Test("With noise metrics are the central ones within the stated errors (false-alarm rate 1e-6)")
    func noisy() async throws {
        let world = try await World(Self.terms())
        // The third device holds nothing out: it takes part with noise alone.
        try await world.run(devices(world, isNoisy: true, heldOut: [1, 2]))
        let test = try DatasetSource.load("digits").test
        let held = test.subset((0..<test.count).filter { $0 % 3 != 2 })
        let entries = try world.ledger().entries.filter { $0.charge.kind == .spent }
        let quantile = 1.05 * Statistics.normalQuantile(upperTail: Statistics.falseAlarmRate / 12)
        var evaluated = 0
        for result in try results(world) {
            guard let metrics = result.heldOut else { continue }
            let charge = entries[result.round - 1].charge
            // The model of the last evaluation is in the store; the one before has to be looked for.
            let model = try #require(try world.stored { try $0.blob(charge.modelHashBefore) })
            let score = try CentralScore(model: model, on: held, lossBound: 3)
            #expect(abs(metrics.count - Double(held.count)) <= quantile * metrics.countError)
            let (accuracy, accuracyError) = (try #require(metrics.accuracy), try #require(metrics.accuracyError))
            #expect(abs(accuracy - score.accuracy) <= quantile * accuracyError)
            let (loss, lossError) = (try #require(metrics.loss), try #require(metrics.lossError))
            #expect(abs(loss - score.loss) <= quantile * lossError)
            // σ of the sum over 2U: z·B·sqrt(3 members / 2 honest shares) / 2U, with B/U just above sqrt(6).
            #expect(abs(metrics.countError / (2 * (6 * 3.0 / 2).squareRoot() / 2) - 1) < 1e-3)
            #expect(metrics.count != Double(held.count) && accuracyError < 0.02)
            evaluated += 1
        }
        #expect(evaluated == 2)
    }

    @Test("Clients that hold nothing out give noise alone, and the round says that there is not enough to tell")
    func nobodyHoldsOut() async throws {
        let world = try await World(Self.terms())
        try await world.run(devices(world, isNoisy: true, heldOut: []))
        let metrics = try results(world).compactMap(\.heldOut)
        #expect(metrics.count == 2 && metrics.allSatisfy { $0.accuracy == nil && $0.loss == nil })
        let report = try Administration.report(task: "digits", configuration: world.configuration)
        #expect(report.heldOut?.rounds.map(\.round) == [3, 6])
        #expect(report.heldOut?.rounds.allSatisfy { $0.accuracy == nil } == true)
    }

    @Test(
        "Both kinds are reserved, spent and summed up: planner, ledger, reports, privacy.json, audit and devices agree"
    )
    func accounts() async throws {
        let world = try await World(Self.terms())
        let devices = try devices(world, isNoisy: true)
        try await world.run(devices)
        let plan = try world.plan()
        let terms = plan.evaluationTerms
        let ledger = try world.ledger()
        for entry in ledger.entries {
            let isEvaluation = entry.charge.attempt.round.isMultiple(of: 3)
            #expect(entry.charge.events == plan.events(of: isEvaluation ? .evaluation : .training))
            #expect(entry.charge.certificate.bound == (isEvaluation ? terms.bound : plan.privacy.bound))
            #expect(entry.charge.certificate.dimension == (isEvaluation ? 3 : plan.model.parameters))
        }
        #expect(
            ledger.entries.map(\.charge.kind) == (0..<6).flatMap { _ in [.reserved, .spent] as [LedgerCharge.Kind] }
        )

        // From the plan's integers and the accountant alone.
        let delta = 1e-5 * (1 - 0x1p-10)
        func noise(_ shares: Int, _ multiple: UInt64, _ bound: Int64) -> PrivacyEvent {
            let (sigma, sensitivity) = (64 * Double(multiple), Double(bound))
            return shares == 1
                ? .discreteGaussian(sigma: sigma, sensitivity: sensitivity)
                : .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: sensitivity)
        }
        var expected: [Adversary: Double] = [:]
        var paid: [Adversary: Double] = [:]
        for (adversary, shares) in [(Adversary.outsider, 3), (.client, 2), (.colluders(1), 2), (.server, 1)] {
            let training = noise(shares, plan.privacy.noiseMultiple, plan.privacy.bound)
            let evaluation = noise(shares, terms.noiseMultiple, terms.bound)
            expected[adversary] = try RDPAccountant.epsilon(
                of: .composed([
                    .init(.poissonSampled(rate: 0.05, event: training), count: 4), .init(evaluation, count: 2),
                ]),
                delta: delta
            ).epsilon
            paid[adversary] = try RDPAccountant.epsilon(of: evaluation.selfComposed(2), delta: delta).epsilon
            #expect(try ledger.stated(against: adversary, delta: 1e-5) == expected[adversary])
        }
        // The training noise was found for what the evaluation rounds leave of 8: all of it, to the search's 1e-6 and the grid's.
        let total = try #require(expected[.colluders(1)])
        #expect(total <= 8 && total > 8 * (1 - 1e-3))
        #expect(try #require(paid[.colluders(1)]) < total)

        let report = try Administration.report(task: "digits", configuration: world.configuration)
        #expect(report.epsilon == total && report.attempts == 6 && report.rounds == 6)
        #expect(report.epsilonAgainst.server == expected[.server])
        let heldOut = try #require(report.heldOut)
        #expect(heldOut.epsilonPaid.colluders == paid[.colluders(1)] && heldOut.epsilonPaid.server == paid[.server])
        #expect(heldOut.attempts == 2 && heldOut.every == 2 && heldOut.bound == terms.bound && heldOut.lossBound == 3)
        #expect(try heldOut.rounds.map(\.accuracy) == results(world).compactMap { $0.heldOut?.accuracy })
        let whole = try Administration.ledgerReport("people", configuration: world.configuration)
        #expect(
            whole.epsilonAgainst["colluders(1)"] ?? whole.epsilonAgainst[Adversary.colluders(1).description] == total
        )
        try checkStatement(world, expected, ledger)
        for device in devices {
            let own = try ClientLedger(
                path: device.folder.file("ledger"),
                isNew: false,
                maximumEpsilon: 100,
                maximumEpsilonAgainstServer: 100,
                delta: 1e-5
            )
            #expect(try Dictionary(uniqueKeysWithValues: own.epsilons()) == expected)
        }
    }

    /// The statement beside the model is of after the last evaluation round, and an auditor finds it right.
    private func checkStatement(_ world: World, _ expected: [Adversary: Double], _ ledger: Ledger) throws {
        let json = try #require(world.folder.bytes(of: "server/models/digits/privacy.json"))
        let model = try #require(world.folder.bytes(of: "server/models/digits/model.safetensors"))
        let statement = try decoded(json, as: PrivacyStatement.self)
        #expect(statement.epsilonAgainst.colluders == expected[.colluders(1)])
        #expect(statement.ledgerHead == Hexadecimal.text(ledger.head.hash))
        #expect(statement.certificates.map(\.dimension) == [650, 3])
        #expect(statement.events[.server]?.map(\.count) == [4, 2])
        let audit = StatementAudit(statement, model: model, ledger: ledger)
        #expect(audit.isVerified, "\(audit.checks.filter { !$0.holds })")
    }

    @Test(
        "The ring of an evaluation round holds 2^30 examples at the largest bound and the most noise that a plan may have"
    )
    func ring() throws {
        let terms = EvaluationTerms(samplingRate: 1, lossBound: 4, bound: 1 << 30, noiseMultiple: 1 << 34)
        let ring = try Ring.planned(
            largestSum: 2 * terms.scale << 30,
            standardDeviation: 64 * 0x1p34 * 100_000.0.squareRoot(),
            coordinates: EvaluationTerms.coordinates,
            wrapProbability: 1e-300
        )
        #expect(ring.bits <= EvaluationTerms.ringBits)
    }

    @Test("Updates of the other kind's form are refused, and the round goes on", arguments: [1, 3])
    func wrongForm(round: Int) async throws {
        let world = try await World(Self.terms())
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        let plan = try world.plan()
        for number in 1...round {
            for client in clients { _ = try await client.assignment() }
            for client in clients {
                let assignment = try #require(try await client.assignment())
                #expect(assignment.round == UInt32(number))
                guard number == round else {
                    #expect(await client.put(try client.body(assignment), assignment).status == 200)
                    continue
                }
                let good = try client.body(assignment)
                var message = try Sotto_V1_UpdateUpload(wire: good, limit: 1 << 20, what: "update")
                let isEvaluation = round == 3
                message.count = UInt64(isEvaluation ? plan.model.parameters : 3)
                message.ringBits = UInt32(isEvaluation ? plan.ringBits : 62)
                let count = await client.put(message.wireBytes(), assignment)
                #expect(count.status == 422)
                #expect(
                    count.reason?.contains(isEvaluation ? "an evaluation round has 3" : "the model has 650") == true
                )
                message.count = UInt64(isEvaluation ? 3 : plan.model.parameters)
                let ring = await client.put(message.wireBytes(), assignment)
                #expect(ring.status == 422 && ring.reason?.contains("ring of") == true)
                #expect(await client.put(good, assignment).status == 200)
            }
        }
        #expect(try world.task().round == round)
    }

    @Test("An evaluation round that is abandoned is charged like any, tried again, and told in what was paid")
    func abandoned() async throws {
        let world = try await World(Self.terms())
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for _ in 1...2 {
            for client in clients { _ = try await client.assignment() }
            for client in clients {
                let assignment = try #require(try await client.assignment())
                #expect(await client.put(try client.body(assignment, value: 100), assignment).status == 200)
            }
        }
        let model = try world.task().modelHash
        for client in clients { _ = try await client.assignment() }
        await world.pass(seconds: world.terms.deadlineSeconds + 1)
        await world.pass(seconds: world.terms.deadlineSeconds + 1)
        for client in clients { _ = try await client.assignment() }
        for client in clients {
            let assignment = try #require(try await client.assignment())
            #expect(assignment.round == 3 && assignment.attempt == 2)
            #expect(await client.put(try client.body(assignment), assignment).status == 200)
        }
        let plan = try world.plan()
        #expect(try plan.attempts(in: world.ledger()) == RoundCounts(training: 2, evaluation: 2))
        let report = try Administration.report(task: "digits", configuration: world.configuration)
        let claim = try #require(
            try plan.claim(against: .colluders(1), attempts: RoundCounts(training: 2, evaluation: 2))
        )
        #expect(report.epsilon == claim.epsilon && report.heldOut?.attempts == 2 && report.heldOut?.rounds.count == 1)
        #expect(try world.task().modelHash == model && world.task().round == 3)

        // The model of an evaluation round is that before it, and can be gone back to.
        try Administration.setStatus(.pause, task: "digits", configuration: world.configuration)
        _ = try Administration.rollBack("digits", to: 1, configuration: world.configuration)
        #expect(try world.task().modelHash != model)
        _ = try Administration.rollBack("digits", to: 3, configuration: world.configuration)
        #expect(try world.task().modelHash == model)
    }

    @Test(
        "At every transaction of a training and an evaluation round the server may die: the same ledger, model, metrics"
    )
    func crashes() async throws {
        var terms = Terms()
        terms.rounds = 1
        terms.heldOut = "every = 1\nnoise-multiplier = 2.0"
        func run(_ script: CrashScript) async throws -> World {
            let world = try await World(terms, script: script)
            try await world.run(devices(world, isNoisy: false))
            return world
        }
        let counting = CrashScript()
        let calm = try await run(counting)
        let (ledger, metrics) = (try calm.ledger(), try results(calm).map(\.heldOut))
        #expect(metrics.count == 2 && metrics[0] == nil && metrics[1]?.count == 359)
        for change in 0..<counting.changes {
            for moment in [CrashScript.Moment.before, .after] {
                let world = try await run(CrashScript(atChange: change, moment))
                #expect(try world.ledger().head == ledger.head, "died \(moment) change \(change)")
                #expect(try results(world).map(\.heldOut) == metrics, "died \(moment) change \(change)")
                #expect(try world.task().status == .finished)
                #expect(world.bodiesSent.count == 6 && world.bodiesSent.values.allSatisfy { $0 == 1 })
            }
        }
    }

    @Test("A device refuses a plan whose evaluation rounds pass its limit, though training alone would not")
    func limit() async throws {
        let world = try await World(Self.terms())
        let plan = try world.plan()
        func epsilon(_ attempts: RoundCounts) throws -> Double {
            try #require(try plan.claim(against: .colluders(1), attempts: attempts)).epsilon
        }
        let training = try epsilon(RoundCounts(training: 4))
        let total = try epsilon(RoundCounts(training: 4, evaluation: 2))
        #expect(training < total)
        for _ in 0..<2 { _ = try await ScriptedClient(enrolledIn: world).assignment() }
        let device = try Device(world, index: 1, of: 3)
        let error = await #expect(throws: ParticipantError.self) {
            try await device.run(Device.Limits(epsilon: (training + total) / 2))
        }
        guard case .limit(let reason)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("--max-epsilon") && !reason.contains("\n"))
        #expect(world.bodiesSent.isEmpty)
    }

    @Test("Held-out data that do not fit are refused in one line")
    func misfits() async throws {
        let world = try await World(Self.terms())
        for (heldOut, reason) in [("digits:1/6", "has examples of --data"), ("digits-tst", "no such data set")] {
            let device = try Device(world, index: 1, of: 3, heldOut: heldOut)
            let error = await #expect(throws: ParticipantError.self) { try await device.run() }
            guard case .input(let line)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(line.hasPrefix("--held-out \(heldOut)") && line.contains(reason) && !line.contains("\n"))
        }
        let folder = try MemoryFolder()
        try folder.put(Self.terms().toml, in: "task.toml")
        let planned = try TaskPlanner.plan(TaskConfiguration(path: folder.file("task.toml")))
        let digits = try DatasetSource.load("digits")
        func review(_ planned: TaskPlanner.Planned, _ heldOut: Dataset?) throws -> ReviewedPlan {
            try ReviewedPlan(
                bytes: planned.planBytes,
                hash: planned.planHash,
                dataset: digits.train,
                heldOut: heldOut,
                memoryLimit: .max,
                workers: 1,
                baseBytes: 0
            )
        }
        // One record of a label and 3 x 32 x 32 values in each file.
        for file in ["data_batch_1.bin", "test_batch.bin"] {
            try folder.put([UInt8](repeating: 1, count: 3073), in: file)
        }
        let images = try DatasetSource.load("cifar10:\(folder.path)").train
        let error = #expect(throws: ParticipantError.self) { try review(planned, images) }
        #expect(error?.description.hasPrefix("--held-out: has examples of shape [3, 32, 32]") == true)
        let with = try review(planned, digits.test)
        let without = try review(planned, nil)
        #expect(with.heldOutSlots == PaddedDraw.slots(examples: 359, rate: 1) && without.heldOutSlots == 0)
        #expect(with.memory.totalBytes > without.memory.totalBytes)
    }

    @Test("A task file's section is checked, and without it plans are as they were")
    func taskFile() throws {
        let folder = try MemoryFolder()
        func planned(_ lines: String) throws -> TaskPlanner.Planned {
            var terms = Terms()
            terms.rounds = 20
            terms.heldOut = lines
            try folder.put(terms.toml, in: "task.toml")
            return try TaskPlanner.plan(TaskConfiguration(path: folder.file("task.toml")))
        }
        let plain = try planned("")
        #expect(plain.plan.evaluation == nil && plain.plan.rounds.rounds == 20)
        let some = try planned("every = 6\nnoise-multiplier = 5")
        // 6, 12 and 18 training rounds are each followed by one.
        #expect(some.plan.rounds.rounds == 23 && some.plan.rounds.counts == RoundCounts(training: 20, evaluation: 3))
        #expect(some.plan.evaluation?.samplingRate == 1)
        // Twice the natural logarithm of 10.
        #expect(abs((some.plan.evaluation?.lossBound ?? 0) - 4.605170185988092) < 1e-12)
        // 64 K sqrt(2) is at least 5 B, and hardly more.
        let terms = try #require(some.plan.evaluation)
        let multiplier = 64 * Double(terms.noiseMultiple) * 2.0.squareRoot() / Double(terms.bound)
        #expect(multiplier >= 5 && multiplier < 5 * (1 + 1e-4))
        // Evaluation costs: training has to be noisier.
        let colluders = Adversary.colluders(1)
        #expect(some.plan.noiseMultiplier(against: colluders) > plain.plan.noiseMultiplier(against: colluders))
        let refusals = [
            ("noise-multiplier = 5", "[evaluation] lacks every"), ("every = 5", "[evaluation] lacks noise-multiplier"),
            ("every = 0\nnoise-multiplier = 5", "evaluation.every"),
            ("every = 21\nnoise-multiplier = 5", "evaluation.every"),
            ("every = 5\nnoise-multiplier = 0.01", "evaluation.noise-multiplier"),
            ("every = 5\nnoise-multiplier = 0.2", "leaves nothing of privacy.epsilon"),
            ("every = 5\nnoise-multiplier = nan", "evaluation.noise-multiplier"),
            ("every = 5\nnoise-multiplier = 5\nsampling-rate = 0", "evaluation.sampling-rate"),
            ("every = 5\nnoise-multiplier = 5\nsampling-rate = 2", "evaluation.sampling-rate"),
            ("every = 5\nnoise-multiplier = 5\nloss-bound = -1", "evaluation.loss-bound"),
            ("every = 5\nnoise-multiplier = 5\nepsilon = 1", "unknown key epsilon"),
        ]
        for (lines, reason) in refusals {
            let error = #expect(throws: AggregatorError.self) { try planned(lines) }
            let line = "\(String(describing: error))"
            #expect(line.contains(reason), "\(lines): \(line)")
        }
    }

    @Test("Caps of participation leave evaluation rounds open to everybody")
    func caps() async throws {
        var terms = Self.terms()
        terms.mostParticipations = 2
        let world = try await World(terms)
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for _ in 1...3 {
            for client in clients { _ = try await client.assignment() }
            for client in clients { try await client.deliverZeros() }
        }
        #expect(try world.task().round == 3)
        // Round 4 trains, which all of them have done twice.
        for client in clients { _ = try await client.assignment() }
        for client in clients { #expect(try await client.assignment() == nil) }
        #expect(try world.stored { try $0.openRounds() }.isEmpty)
    }
}
