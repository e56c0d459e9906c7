// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import Cryptography
import Datasets
import Networks
import Testing
import Training

@Suite struct StatementAuditTests {
    /// A real plan's claim beside a model of its network, and the ledger that it is spent in.
    private struct Release {
        let file: ModelFile
        let ledger: Ledger
        let text: String

        init() throws {
            let train = try DatasetSource.load("digits").train
            let network = try Network.preset("logistic", input: Shape(train.exampleShape), classes: train.classes)
            let plan = try CentralPlan(
                CentralConfiguration(
                    network: network,
                    clip: 1,
                    noise: .multiplier(2),
                    batch: 100,
                    epochs: 1,
                    learningRate: 1,
                    delta: 1e-5
                ),
                examples: train.count
            )
            let parameters = network.initialParameters(seed: 3)
            var ledger = try Ledger(population: "digits")
            let charge = LedgerCharge(
                LedgerCharge.Attempt(task: "logistic", round: 0),
                kind: .reserved,
                events: [.outsider: plan.event.selfComposed(plan.steps)],
                certificate: plan.certificate,
                modelHashBefore: Samples.hash
            )
            try ledger.append(charge)
            try ledger.append(
                charge.closed(as: .spent, modelHashAfter: SHA256.hash(network.safetensors(parameters)))
            )
            file = try ModelFile(
                network: network,
                parameters: parameters,
                claims: [plan.claim],
                events: [.outsider: [PrivacyEvent.Repeated(plan.event, count: plan.steps)]],
                certificates: [plan.certificate],
                ledgerHead: ledger.head.hash
            )
            self.ledger = ledger
            text = String(decoding: try file.statement.fileBytes(), as: UTF8.self)
        }

        /// The names of the checks that fail once a member of the statement has another value.
        func failures(_ member: String, _ value: String) throws -> [String] {
            let start = try #require(text.firstRange(of: "\"\(member)\": "), "\(member)").upperBound
            let isText = text[start] == "\""
            let end = try #require(text[start...].dropFirst().firstIndex { (isText ? "\"" : ",\n").contains($0) })
            let changed = text[..<start] + value + text[(isText ? text.index(after: end) : end)...]
            let statement = try JSONText.decode(PrivacyStatement.self, from: Array(changed.utf8))
            return StatementAudit(statement, model: file.model, ledger: ledger).checks.filter { !$0.holds }.map(\.name)
        }
    }

    @Test func aTrueStatementHolds() throws {
        let release = try Release()
        for ledger in [nil, release.ledger] {
            let audit = StatementAudit(release.file.statement, model: release.file.model, ledger: ledger)
            #expect(audit.isVerified, "\(audit.checks.filter { !$0.holds })")
            #expect(audit.checks.contains { $0.name == "ledger head" } == (ledger != nil))
            #expect(Set(audit.checks.map(\.name)).count == audit.checks.count)
            let comparison = try #require(audit.comparisons.first)
            #expect(audit.comparisons.count == 1 && comparison.adversary == .outsider)
            let (pld, rdp, zcdp) = try (#require(comparison.pld), #require(comparison.rdp), #require(comparison.zcdp))
            #expect(pld < rdp && rdp < zcdp)
            let open = audit.notChecked(ledger: ledger != nil)
            #expect(open.contains { $0.contains("noise was really drawn") })
            #expect(open.contains { $0.contains("no ledger was given") } == (ledger == nil))
            #expect(release.file.statement.assumptions.allSatisfy { open.contains("assumed: \($0)") })
        }
    }

    @Test func aChangedModelDoesNotHold() throws {
        let release = try Release()
        for place in [release.file.model.count - 1, 9] {
            var model = release.file.model
            model[place] ^= 1
            let audit = StatementAudit(release.file.statement, model: model)
            #expect(audit.checks.contains { $0.name == "model hash" && !$0.holds })
        }
        let audit = StatementAudit(release.file.statement, model: [])
        #expect(audit.checks.filter { !$0.holds }.map(\.name) == ["model hash", "model parameters"])
    }

    @Test(arguments: [
        ("outsider", "0.1", ["epsilon, outsider"]), ("outsider", "null", ["claims"]),
        ("outsider", "-1", ["epsilon, outsider"]), ("delta", "0.9e-5", ["delta items", "sampler, outsider"]),
        ("delta", "2", ["delta items"]), ("sampler", "0", ["sampler, outsider"]), ("rounding", "1e-6", ["delta items"]),
        ("rounding", "-1e-6", ["delta items"]), ("count", "0", ["events"]), ("count", "2", ["ledger events, outsider"]),
        ("count", "99", ["epsilon, outsider"]),
        ("rate", "0.9", ["epsilon, outsider"]), ("noiseSecure", "false", ["noise secure"]),
        ("sampling", "\"\"", ["terms"]),
        ("version", "2", ["version"]), ("parameters", "649", ["model parameters"]),
        ("dimension", "64", ["certificates"]), ("bound", "99999999", ["sensitivity, outsider"]),
        ("bound", "0", ["certificates"]), ("ledgerHead", "\"00\"", ["ledger head", "ledger model"]),
        ("ledgerHead", "null", ["ledger head", "ledger model"]),
    ])
    func aChangedStatementDoesNotHold(_ member: String, _ value: String, _ expected: [String]) throws {
        let failures = try Release().failures(member, value)
        #expect(Set(expected).isSubset(of: failures), "\(failures)")
    }

    /// A larger claim is true too, and names are only names.
    @Test func harmlessChangesHold() throws {
        let release = try Release()
        #expect(try release.failures("outsider", "50").isEmpty)
        #expect(try release.failures("network", "\"another name\"").isEmpty)
    }

    /// The bits that another machine's libm gives may lie a little above.
    @Test func theToleranceIsWhatIsStated() throws {
        let release = try Release()
        let claimed = try #require(release.file.statement.epsilonAgainst.outsider)
        #expect(try release.failures("outsider", "\(claimed * (1 - StatementAudit.tolerance / 2))").isEmpty)
        #expect(
            try release.failures("outsider", "\(claimed * (1 - 2 * StatementAudit.tolerance))") == ["epsilon, outsider"]
        )
    }

    @Test func anotherLedgerDoesNotHold() throws {
        let release = try Release()
        let audit = try StatementAudit(release.file.statement, model: release.file.model, ledger: Samples.ledger())
        #expect(audit.checks.filter { !$0.holds }.map(\.name) == ["ledger head", "ledger model"])
        // The reservation is in the ledger, but no model was spent for.
        let early = PrivacyStatement(
            model: release.file.statement.model,
            claims: [try Self.claim(.outsider, Samples.step(), delta: 9e-6)],
            events: [.outsider: [.init(Samples.step(), count: 1)]],
            certificates: [Samples.certificate()],
            ledgerHead: release.ledger.entries[0].hash
        )
        let names = StatementAudit(early, model: release.file.model, ledger: release.ledger).checks.filter { !$0.holds }
        #expect(names.map(\.name) == ["ledger model"])
    }

    /// Two rounds of one task: a statement that tells of the last one only is found out.
    @Test func everyRoundThatLedToTheModelCounts() throws {
        let release = try Release()
        let hash = try #require(Hexadecimal.bytes(release.file.statement.model.sha256))
        func charge(_ round: Int, from before: [UInt8], to after: [UInt8]) -> LedgerCharge {
            LedgerCharge(
                LedgerCharge.Attempt(task: "digits", round: round),
                kind: .spent,
                events: [.outsider: Samples.step()],
                certificate: Samples.certificate(),
                modelHashBefore: before,
                modelHashAfter: after
            )
        }
        var ledger = try Ledger(population: "people")
        try ledger.append(charge(0, from: [UInt8](repeating: 0, count: 32), to: Samples.hash))
        try ledger.append(charge(1, from: [UInt8](repeating: 7, count: 32), to: [UInt8](repeating: 8, count: 32)))
        try ledger.append(charge(2, from: Samples.hash, to: hash))
        for (count, expected) in [(2, []), (1, ["ledger events, outsider"])] {
            let statement = PrivacyStatement(
                model: release.file.statement.model,
                claims: [try Self.claim(.outsider, Samples.step().selfComposed(count), delta: 9e-6)],
                events: [.outsider: [.init(Samples.step(), count: count)]],
                certificates: [Samples.certificate()],
                ledgerHead: ledger.head.hash
            )
            let audit = StatementAudit(statement, model: release.file.model, ledger: ledger)
            #expect(audit.checks.filter { !$0.holds }.map(\.name) == expected)
        }
    }

    private static func claim(_ adversary: Adversary, _ event: PrivacyEvent, delta: Double) throws -> PrivacyClaim {
        let accounted = try RDPAccountant.epsilon(of: event, delta: delta)
        return try PrivacyClaim(
            accounted,
            delta: 1e-5,
            deltaParts: DeltaParts(accounted, sampler: 5e-7),
            unit: .example,
            sampling: "Poisson",
            adversary: adversary,
            noiseSecure: true
        )
    }

    /// A federated statement: the events of each adversary, the weaker ones hidden from fewer shares.
    @Test func everyAdversaryIsRecomputed() throws {
        let release = try Release()
        func event(_ shares: Int) -> PrivacyEvent {
            .sumOfDiscreteGaussians(shares: shares, sigma: 640, sensitivity: 640)
        }
        let events: [Adversary: PrivacyEvent] = [
            .outsider: event(8), .client: event(7), .colluders(3): event(5), .server: event(1),
        ]
        func statement(_ claims: [PrivacyClaim]) -> PrivacyStatement {
            PrivacyStatement(
                model: release.file.statement.model,
                claims: claims,
                events: events.mapValues { [PrivacyEvent.Repeated($0, count: 2)] },
                certificates: [Samples.certificate()]
            )
        }
        let claims = try events.sorted { $0.key < $1.key }.map {
            try Self.claim($0.key, $0.value.selfComposed(2), delta: 9e-6)
        }
        let audit = StatementAudit(statement(claims), model: release.file.model)
        #expect(audit.isVerified, "\(audit.checks.filter { !$0.holds })")
        #expect(audit.comparisons.map(\.adversary) == [.outsider, .client, .colluders(3), .server])
        // What holds against an outsider is less than what holds against the others.
        let low = try events.keys.sorted().map { try Self.claim($0, event(8).selfComposed(2), delta: 9e-6) }
        let failed = StatementAudit(statement(low), model: release.file.model).checks.filter { !$0.holds }
        #expect(failed.map(\.name) == ["epsilon, client", "epsilon, 3 colluding clients", "epsilon, server"])
    }

    /// Whatever somebody writes into a statement, the audit ends, with a verdict.
    @Test func hostileStatementsAreJudged() throws {
        let release = try Release()
        let bytes = Array(release.text.utf8)
        for place in stride(from: 0, to: bytes.count, by: 29) {
            var changed = bytes
            changed[place] = changed[place] == UInt8(ascii: "9") ? UInt8(ascii: "0") : UInt8(ascii: "9")
            guard let statement = try? JSONText.decode(PrivacyStatement.self, from: changed) else { continue }
            _ = StatementAudit(statement, model: release.file.model, ledger: release.ledger).isVerified
        }
        for (member, value) in [
            ("count", "\(Int.max)"), ("count", "\(Int.min)"), ("rate", "1e308"), ("sigma", "1e-300"), ("sigma", "-1"),
            ("sensitivity", "0"), ("dimension", "\(Int.max)"), ("bound", "\(Int64.max)"), ("delta", "1e-308"),
            ("fft", "1e308"), ("gridExponent", "\(Int.min)"),
        ] {
            let failures = try release.failures(member, value)
            #expect(!failures.isEmpty || member == "gridExponent", "\(member) \(value)")
        }
    }

    @Test func aClaimWithoutEventsDoesNotHold() throws {
        let release = try Release()
        let statement = PrivacyStatement(
            model: release.file.statement.model,
            claims: [try Self.claim(.server, Samples.step(), delta: 9e-6)],
            events: [.outsider: [.init(Samples.step(), count: 1)]],
            certificates: [Samples.certificate()]
        )
        let failed = StatementAudit(statement, model: release.file.model).checks.filter { !$0.holds }
        #expect(failed.map(\.name) == ["epsilon, server"])
    }
}
