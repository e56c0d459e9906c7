// SPDX-License-Identifier: Apache-2.0

import Accounting
import Participant
import Rounds
import TestKit
import Testing

@Suite("A device's own ledger")
struct ClientLedgerTests {
    static let delta = 1e-5

    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    func open(
        epsilon: Double = 40,
        server: Double = 40,
        isNew: Bool = true
    ) throws(ParticipantError) -> ClientLedger {
        try ClientLedger(
            path: folder.file("ledger"),
            isNew: isNew,
            maximumEpsilon: epsilon,
            maximumEpsilonAgainstServer: server,
            delta: Self.delta
        )
    }

    /// Charges rounds `numbers` of the plan.
    func charge(_ ledger: inout ClientLedger, _ numbers: some Sequence<Int>, of plan: TaskPlan) throws {
        for number in numbers {
            try ledger.charge(
                plan,
                round: Samples.round(number, task: plan.task),
                certificate: Samples.certificate,
                modelHash: Samples.hash(1)
            )
        }
    }

    @Test("A charge is on disk when it returns, and an attempt is charged once")
    func charges() throws {
        let plan = try Samples.plan()
        var ledger = try open()
        #expect(ledger.count == 0 && ledger.rounds.isEmpty)
        for number in 1...3 {
            try charge(&ledger, [number], of: plan)
            // Another opening of the same file, while the first lives, sees the charge.
            let reader = try open()
            #expect(reader.count == number)
            #expect(reader.rounds == Set((1...number).map { Samples.round($0) }))
        }
        let bytes = try folder.bytes(of: "ledger")
        try charge(&ledger, 1...3, of: plan)
        var reopened = try open()
        try charge(&reopened, 1...3, of: plan)
        #expect(ledger.count == 3 && reopened.count == 3)
        #expect(try folder.bytes(of: "ledger") == bytes)
        #expect(try folder.mode(of: "ledger") == 0o600)
    }

    @Test("A second attempt at a round is charged again")
    func attempts() throws {
        let plan = try Samples.plan()
        var ledger = try open()
        for attempt in 1...2 {
            try ledger.charge(
                plan,
                round: Samples.round(1, attempt: attempt),
                certificate: Samples.certificate,
                modelHash: Samples.hash(1)
            )
        }
        #expect(ledger.count == 2)
    }

    @Test("Epsilon is the accountant's of everything charged, whatever the tasks")
    func epsilons() throws {
        var ledger = try open()
        try charge(&ledger, 1...4, of: Samples.plan("t"))
        try charge(&ledger, 1...3, of: Samples.plan("u"))
        let reopened = try open()
        for epsilons in [try ledger.epsilons(), try reopened.epsilons()] {
            #expect(epsilons.map(\.0) == [.outsider, .client, .colluders(2), .server])
            for ((_, epsilon), shares) in zip(epsilons, [8, 7, 6, 1]) {
                #expect(epsilon == (try Samples.epsilon(rounds: 7, shares: shares, delta: Self.delta)))
            }
        }
    }

    @Test("The charge that would pass a limit is refused before it is written", arguments: [true, false])
    func limits(againstServer: Bool) throws {
        let plan = try Samples.plan()
        let shares = againstServer ? 1 : 6
        let two = try Samples.epsilon(rounds: 2, shares: shares, delta: Self.delta)
        // Exactly two rounds fit.
        var ledger = try open(epsilon: againstServer ? 40 : two, server: againstServer ? two : 40)
        try charge(&ledger, 1...2, of: plan)
        let bytes = try folder.bytes(of: "ledger")
        let error = #expect(throws: ParticipantError.self) { try charge(&ledger, [3], of: plan) }
        guard case .limit(let line) = error else {
            Issue.record("not a limit")
            return
        }
        #expect(line.hasPrefix("task t, round 3, attempt 1: ") && !line.contains("\n"))
        #expect(ledger.count == 2)
        #expect(try folder.bytes(of: "ledger") == bytes)
        // What was charged can still be sent.
        try charge(&ledger, 1...2, of: plan)

        var smaller = try open(
            epsilon: againstServer ? 40 : two.nextDown,
            server: againstServer ? two.nextDown : 40
        )
        #expect(throws: ParticipantError.self) { try charge(&smaller, [3], of: plan) }
    }

    @Test("A whole task is measured with what was spent before and what of it is done", arguments: [true, false])
    func wholeTask(againstServer: Bool) throws {
        let shares = againstServer ? 1 : 6
        /// A ledger that allows exactly so many rounds.
        func limited(to rounds: Int, less: Bool) throws -> ClientLedger {
            var limit = try Samples.epsilon(rounds: rounds, shares: shares, delta: Self.delta)
            // The order of additions may differ in the last places.
            limit *= less ? 1 - 1e-9 : 1 + 1e-9
            return try open(epsilon: againstServer ? 40 : limit, server: againstServer ? limit : 40)
        }
        func expectLimit(_ rounds: Int, for plan: TaskPlan, sourceLocation: SourceLocation = #_sourceLocation) throws {
            try limited(to: rounds, less: false).checkWhole(plan, certificate: Samples.certificate)
            let error = #expect(throws: ParticipantError.self, sourceLocation: sourceLocation) {
                try limited(to: rounds, less: true).checkWhole(plan, certificate: Samples.certificate)
            }
            guard case .limit(let line) = error else {
                Issue.record("not a limit", sourceLocation: sourceLocation)
                return
            }
            let flag = againstServer ? "--max-epsilon-server" : "--max-epsilon"
            #expect(line.contains("task \(plan.task): ") && line.contains(" \(flag) allows "))
        }
        let plan = try Samples.plan("t", rounds: 10)
        try expectLimit(10, for: plan)
        var ledger = try open()
        try charge(&ledger, 1...4, of: plan)
        // Six rounds are left of the ten, so the whole is still ten.
        try expectLimit(10, for: plan)
        try expectLimit(4 + 10, for: Samples.plan("u", rounds: 10))
        try charge(&ledger, 5...10, of: plan)
        try expectLimit(10, for: plan)
    }

    @Test("Damage of any byte stops the client in one line that names the file")
    func damage() throws {
        do {
            var ledger = try open()
            try charge(&ledger, 1...2, of: Samples.plan())
        }
        let whole = try folder.bytes(of: "ledger")
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= 0x40
            try folder.put(damaged, in: "ledger")
            let error = #expect(throws: ParticipantError.self, "byte \(index)") { _ = try open() }
            guard case .input(let line) = error else {
                Issue.record("byte \(index): not an input error")
                return
            }
            let record = index < whole.count / 2 ? 1 : 2
            #expect(
                line == "\(folder.file("ledger")): record \(record) is damaged; restore it from a backup"
            )
        }
    }

    @Test("Whole records that are not the ledger's are refused: exchanged, repeated, left out, or of another chain")
    func foreignRecords() throws {
        let plan = try Samples.plan()
        var ends: [Int] = [0]
        do {
            var ledger = try open()
            for number in 1...3 {
                try charge(&ledger, [number], of: plan)
                ends.append(try folder.bytes(of: "ledger").count)
            }
        }
        let whole = try folder.bytes(of: "ledger")
        let records = (0..<3).map { Array(whole[ends[$0]..<ends[$0 + 1]]) }
        for order in [[1, 0, 2], [0, 2, 1], [0, 0], [1, 2], [0, 2], [0, 1, 1], [2]] {
            try folder.put(order.flatMap { records[$0] }, in: "ledger")
            let error = #expect(throws: ParticipantError.self, "\(order)") { _ = try open() }
            #expect(error?.description.hasPrefix(folder.file("ledger") + ": ledger: ") == true)
        }
        try folder.put(whole, in: "ledger")
        #expect(try open().count == 3)
    }

    @Test("A charge that a crash left half written was never made")
    func torn() throws {
        let plan = try Samples.plan()
        var first = 0
        do {
            var ledger = try open()
            try charge(&ledger, [1], of: plan)
            first = try folder.bytes(of: "ledger").count
            try charge(&ledger, [2], of: plan)
        }
        let whole = try folder.bytes(of: "ledger")
        for length in first..<whole.count {
            try folder.put(Array(whole.prefix(length)), in: "ledger")
            #expect(try open().count == 1)
        }
        var ledger = try open()
        try charge(&ledger, [2], of: plan)
        #expect(try folder.bytes(of: "ledger") == whole)
    }

    @Test("A device that has taken part does not begin a new ledger in the place of a lost one")
    func lostLedger() throws {
        let error = #expect(throws: ParticipantError.self) { _ = try open(isNew: false) }
        #expect(error?.description.hasPrefix(folder.file("ledger") + ": is missing") == true)
        #expect(try folder.names.isEmpty)
        do {
            var ledger = try open()
            try charge(&ledger, [1], of: Samples.plan())
        }
        #expect(try open(isNew: false).count == 1)
    }

    @Test("An owner who trusts the server sets no limit against it, and keeps those against others")
    func trustedServer() throws {
        let plan = try Samples.plan(rounds: 20)
        let shares = try Samples.epsilon(rounds: 20, shares: 6, delta: Self.delta)
        let server = try Samples.epsilon(rounds: 20, shares: 1, delta: Self.delta)
        #expect(throws: ParticipantError.self) {
            try open(epsilon: shares * 1.01, server: server * 0.99).checkWhole(plan, certificate: Samples.certificate)
        }
        try open(epsilon: shares * 1.01, server: .infinity).checkWhole(plan, certificate: Samples.certificate)
        #expect(throws: ParticipantError.self) {
            try open(epsilon: shares * 0.99, server: .infinity).checkWhole(plan, certificate: Samples.certificate)
        }
    }

    @Test("Asking whether the next charge fits charges nothing")
    func checkNext() throws {
        let plan = try Samples.plan()
        let one = try Samples.epsilon(rounds: 1, shares: 6, delta: Self.delta)
        func check(_ ledger: borrowing ClientLedger, _ number: Int) throws {
            try ledger.checkNext(
                plan,
                round: Samples.round(number),
                certificate: Samples.certificate,
                modelHash: Samples.hash(1)
            )
        }
        var ledger = try open(epsilon: one)
        try check(ledger, 1)
        #expect(ledger.count == 0)
        try charge(&ledger, [1], of: plan)
        #expect(throws: ParticipantError.self) { try check(ledger, 2) }
        #expect(ledger.count == 1)
    }

    @Test("A limit that is no number, and a delta that is none, are refused")
    func badLimits() {
        for (epsilon, server) in [(-1, 1), (1, -1), (.nan, 1), (1, .nan), (.infinity, 1), (1, -.infinity)]
            as [(Double, Double)]
        {
            #expect(throws: ParticipantError.self) { _ = try open(epsilon: epsilon, server: server) }
        }
        for delta in [0, -1, 1.1, .nan] {
            #expect(throws: ParticipantError.self) {
                _ = try ClientLedger(
                    path: folder.file("ledger"),
                    isNew: true,
                    maximumEpsilon: 1,
                    maximumEpsilonAgainstServer: 1,
                    delta: delta
                )
            }
        }
    }

    @Test(
        "A plan's limits of participation hold over attempts and reopenings, and the ledger itself refuses beyond them"
    )
    func participation() throws {
        let plan = try Samples.plan(rounds: 20) {
            $0.leastSeparation = 4
            $0.mostParticipations = 3
        }
        var ledger = try open()
        func expect(_ number: Int, _ expected: ClientLedger.Participation, attempt: Int = 1) throws {
            let round = Samples.round(number, attempt: attempt)
            #expect(try open().participation(in: round, of: plan) == expected, "\(number)")
        }
        try expect(1, .allowed)
        try charge(&ledger, [2], of: plan)
        // Another attempt at the same round is no further participation.
        try expect(2, .allowed, attempt: 2)
        for number in 3...5 { try expect(number, .notBefore(6)) }
        try expect(6, .allowed)
        let error = #expect(throws: ParticipantError.self) { try charge(&ledger, [5], of: plan) }
        #expect(error?.description.contains("does not allow") == true)
        #expect(ledger.count == 1)
        try charge(&ledger, [6, 10], of: plan)
        for number in 11...20 { try expect(number, .complete) }
        try expect(10, .allowed, attempt: 7)
        #expect(throws: ParticipantError.self) { try charge(&ledger, [20], of: plan) }
        // Another task has limits of its own.
        #expect(ledger.participation(in: Samples.round(3, task: "u"), of: try Samples.plan("u")) == .allowed)

        // No later round can be allowed any more.
        let short = try Samples.plan("s", rounds: 5) { $0.leastSeparation = 4 }
        try charge(&ledger, [2], of: short)
        #expect(ledger.participation(in: Samples.round(3, task: "s"), of: short) == .complete)
    }

    @Test("Evaluation rounds are no participations, cost what their plan says, and are counted in what a task may cost")
    func evaluation() throws {
        let terms = EvaluationTerms(samplingRate: 1, lossBound: 4, bound: 1 << 20, noiseMultiple: 30_000)
        // 1 2 3 E 5 6 7 E
        let plan = try Samples.plan(rounds: 8, evaluation: terms) {
            $0.evaluationEvery = 3
            $0.leastSeparation = 2
            $0.mostParticipations = 2
        }
        var ledger = try open()
        func expect(_ number: Int, _ expected: ClientLedger.Participation) throws {
            #expect(try open().participation(in: Samples.round(number), of: plan) == expected, "\(number)")
        }
        for number in 1...8 { try expect(number, .allowed) }
        try charge(&ledger, [2], of: plan)
        // The second training round after round 2 is round 5; before it there is one for evaluation.
        try expect(3, .notBefore(4))
        for number in [4, 5, 6, 7, 8] { try expect(number, .allowed) }
        try charge(&ledger, [4, 5], of: plan)
        // Twice is as often as it may train; evaluation is left.
        for number in [6, 7] { try expect(number, .notBefore(8)) }
        try expect(8, .allowed)
        try charge(&ledger, [8], of: plan)
        try expect(9, .complete)

        let sigma = 64.0 * 30_000
        for (adversary, shares) in [(Adversary.outsider, 8), (.client, 7), (.colluders(2), 6), (.server, 1)] {
            let noise: PrivacyEvent =
                shares == 1
                ? .discreteGaussian(sigma: sigma, sensitivity: 0x1p20)
                : .sumOfDiscreteGaussians(shares: shares, sigma: sigma, sensitivity: 0x1p20)
            let whole = PrivacyEvent.composed([.init(Samples.event(shares: shares), count: 2), .init(noise, count: 2)])
            let epsilon = try RDPAccountant.epsilon(of: whole, delta: Self.delta * 1023 / 1024).epsilon
            #expect(try open().epsilons().first { $0.0 == adversary }?.1 == epsilon)
            guard adversary == .colluders(2) else { continue }
            // The whole task, both kinds, is what a limit is held against before it begins.
            let fresh = try TemporaryFolder()
            func check(_ limit: Double) throws {
                try ClientLedger(
                    path: fresh.file("ledger"),
                    isNew: true,
                    maximumEpsilon: limit,
                    maximumEpsilonAgainstServer: .infinity,
                    delta: Self.delta
                )
                .checkWhole(plan, certificate: Samples.certificate)
            }
            #expect(throws: Never.self) { try check(epsilon * (1 + 1e-9)) }
            #expect(throws: ParticipantError.self) { try check(epsilon * (1 - 1e-9)) }
        }
    }
}
