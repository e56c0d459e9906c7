// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Cryptography
import Messages
import Participant
import Rounds
import Store
import TestKit
import Testing
import Training

@Suite("What a run spends", .timeLimit(.minutes(2)))
struct SpendTests {
    @Test("Every round is reserved, then spent; ledger, reports, privacy.json and the devices say the same")
    func accounts() async throws {
        var terms = Terms()
        terms.cohort = 4
        terms.colluders = 2
        let world = try await World(terms)
        let devices = try (1...4).map { try Device(world, index: $0, of: 4, isNoisy: true) }
        try await world.run(devices)

        let plan = try world.plan()
        let ledger = try world.ledger()
        try checkEntries(ledger, plan: plan)

        // From the plan's integers and the accountant alone.
        let delta = 1e-5 * (1 - 0x1p-10)
        let sigma = 64 * Double(plan.privacy.noiseMultiple)
        let bound = Double(plan.privacy.bound)
        var expected: [Adversary: Double] = [:]
        for (adversary, shares) in [(Adversary.outsider, 3), (.client, 2), (.colluders(2), 1), (.server, 1)] {
            let noise: PrivacyEvent =
                shares == 1
                ? .discreteGaussian(sigma: sigma, sensitivity: bound)
                : .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: bound)
            let round = PrivacyEvent.poissonSampled(rate: terms.samplingRate, event: noise)
            expected[adversary] = try RDPAccountant.epsilon(of: round.selfComposed(terms.rounds), delta: delta).epsilon
            #expect(try ledger.epsilon(against: adversary, delta: delta).epsilon == expected[adversary])
        }
        let rising = try [Adversary.outsider, .client, .colluders(2)].map { try #require(expected[$0]) } + [8]
        #expect(rising == rising.sorted())

        try checkReports(world, expected)
        try checkStatement(world, expected, head: ledger.head)
        for device in devices { try checkDevice(device, expected, rounds: terms.rounds) }
    }

    private func checkEntries(_ ledger: Ledger, plan: TaskPlan) throws {
        #expect(ledger.entries.count == 2 * plan.rounds.rounds)
        for (place, entry) in ledger.entries.enumerated() {
            let charge = entry.charge
            #expect(charge.kind == (place.isMultiple(of: 2) ? .reserved : .spent))
            #expect(charge.attempt == .init(task: "digits", round: place / 2 + 1, attempt: 1))
            #expect(charge.events == plan.events)
            #expect(charge.certificate.bound == plan.privacy.bound && charge.certificate.inflation == 1)
            #expect((charge.modelHashAfter == nil) == (charge.kind == .reserved))
        }
        for (earlier, later) in zip(ledger.entries.dropFirst(), ledger.entries.dropFirst(2)) {
            #expect(later.charge.modelHashBefore == earlier.charge.modelHashAfter ?? earlier.charge.modelHashBefore)
        }
    }

    private func checkReports(_ world: World, _ expected: [Adversary: Double]) throws {
        let report = try Administration.report(task: "digits", configuration: world.configuration)
        #expect(report.status == "finished" && report.round == 3 && report.attempts == 3)
        #expect(report.epsilon == expected[.colluders(2)])
        #expect(report.epsilonAgainst.outsider == expected[.outsider])
        #expect(report.epsilonAgainst.client == expected[.client])
        #expect(report.epsilonAgainst.colluders == expected[.colluders(2)])
        #expect(report.epsilonAgainst.colluderCount == 2)
        #expect(report.epsilonAgainst.server == expected[.server])
        #expect(report.bytesUpPerClientRound > 1000 && report.bytesUpPerClientRound < 4000)
        let whole = try Administration.ledgerReport("people", configuration: world.configuration)
        #expect(
            whole.epsilonAgainst == Dictionary(uniqueKeysWithValues: expected.map { ($0.key.description, $0.value) })
        )
        #expect(whole.entries.map(\.kind) == ["reserved", "spent", "reserved", "spent", "reserved", "spent"])
    }

    private func checkStatement(_ world: World, _ expected: [Adversary: Double], head: LedgerHead) throws {
        let json = try #require(world.folder.bytes(of: "server/models/digits/privacy.json"))
        let model = try #require(world.folder.bytes(of: "server/models/digits/model.safetensors"))
        let statement = try decoded(json, as: PrivacyStatement.self)
        #expect(statement.model.sha256 == Hexadecimal.text(SHA256.hash(model)))
        #expect(try world.task().modelHash == SHA256.hash(model))
        #expect(statement.ledgerHead == Hexadecimal.text(head.hash))
        #expect(statement.epsilonAgainst.outsider == expected[.outsider])
        #expect(statement.epsilonAgainst.client == expected[.client])
        #expect(statement.epsilonAgainst.colluders == expected[.colluders(2)])
        #expect(statement.epsilonAgainst.server == expected[.server])
        #expect(statement.noiseSecure && statement.delta == 1e-5 && statement.deltaParts.total <= 1e-5)
        for (adversary, events) in statement.events {
            let accounted = try RDPAccountant.epsilon(of: .composed(events), delta: statement.deltaParts.accountant)
            #expect(accounted.epsilon == expected[adversary])
        }
    }

    private func checkDevice(_ device: Device, _ expected: [Adversary: Double], rounds: Int) throws {
        let own = try ClientLedger(
            path: device.folder.file("ledger"),
            isNew: false,
            maximumEpsilon: 100,
            maximumEpsilonAgainstServer: 100,
            delta: 1e-5
        )
        #expect(own.count == rounds)
        #expect(own.rounds == Set((1...rounds).map { RoundIdentifier(task: "digits", round: $0, attempt: 1) }))
        #expect(try Dictionary(uniqueKeysWithValues: own.epsilons()) == expected)
    }

    @Test(
        "A population's budget that allows two rounds ends its tasks after two, and says so",
        arguments: [true, false]
    )
    func budget(againstServer: Bool) async throws {
        var terms = Terms()
        terms.rounds = 5
        let plan = try await World(terms).plan()
        func epsilon(_ adversary: Adversary, _ rounds: Int) throws -> Double {
            try #require(try plan.claim(against: adversary, rounds: rounds)).epsilon
        }
        let budget = try SpendLimits(
            epsilon: againstServer ? 100 : try (epsilon(.colluders(1), 2) + epsilon(.colluders(1), 3)) / 2,
            epsilonServer: againstServer ? try (epsilon(.server, 2) + epsilon(.server, 3)) / 2 : nil,
            delta: 1e-5
        )
        let world = try await World(terms, budget: budget)
        let devices = try (1...3).map { try Device(world, index: $0, of: 3) }
        try await world.run(devices)
        #expect(try world.ledger().entries.count == 4)
        let task = try world.task()
        #expect(task.status == .exhausted && task.round == 2)
        #expect(task.statusReason.contains(againstServer ? "the server" : "client"))
        #expect(task.statusReason.contains("the limit is") && !task.statusReason.contains("\n"))

        // The budget is the population's: another task, and a restart, change nothing.
        var second = terms
        second.name = "second"
        try world.create(second)
        try await world.restart()
        try await world.run(devices)
        #expect(try world.task("second").status == .exhausted)
        #expect(try world.ledger().entries.count == 4)
        let report = try Administration.report(task: "second", configuration: world.configuration)
        #expect(report.attempts == 0 && report.epsilon == 0 && report.statusReason == task.statusReason)
    }

    @Test("A device refuses a task beyond its limits before it charges or sends anything")
    func deviceLimits() async throws {
        let world = try await World()
        let device = try Device(world, index: 1, of: 3)
        // Two others wait, so that a round opens and this device is asked to take part.
        for _ in 0..<2 {
            let other = try await ScriptedClient(enrolledIn: world)
            _ = try await other.assignment()
        }
        let limits: [(Device.Limits, String)] = [
            (Device.Limits(memory: 1 << 20), "--memory-limit"), (Device.Limits(epsilon: 1), "--max-epsilon allows"),
            (Device.Limits(epsilonServer: 1), "--max-epsilon-server"),
        ]
        for (limits, flag) in limits {
            let error = await #expect(throws: ParticipantError.self) { try await device.run(limits) }
            guard case .limit(let reason) = try #require(error) else {
                Issue.record("\(flag): refused with \(String(describing: error))")
                continue
            }
            #expect(reason.contains(flag) && !reason.contains("\n"))
        }
        let own = try ClientLedger(
            path: device.folder.file("ledger"),
            isNew: false,
            maximumEpsilon: 1,
            maximumEpsilonAgainstServer: 1,
            delta: 1e-5
        )
        #expect(own.count == 0)
        #expect(world.bodiesSent.isEmpty)
    }

    @Test("A task that is paused in its last round is finished by it")
    func pausedAtTheEnd() async throws {
        var terms = Terms()
        terms.rounds = 1
        let world = try await World(terms)
        var clients: [ScriptedClient] = []
        for _ in 0..<3 { clients.append(try await ScriptedClient(enrolledIn: world)) }
        for client in clients { _ = try await client.assignment() }
        try Administration.setStatus(.pause, task: "digits", configuration: world.configuration)
        for client in clients { try await client.deliverZeros() }
        let task = try world.task()
        #expect(task.round == 1 && task.status == .finished && task.statusReason.isEmpty)
    }
}
