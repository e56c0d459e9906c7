// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Cryptography
import Glibc
import Participant
import Rounds
import Store
import TestKit
import Testing

/// What must hold after a run, whatever died in it.
struct Invariants {
    let evidence: Evidence
    let rounds: Int
    let replay: Replay
    /// What to say beside a failure.
    let account: Comment

    /// Whatever ran the rounds.
    func check() throws {
        checkRounds()
        checkUpdates()
        checkDevices()
        try replay.check(evidence, account)
    }

    /// Every round is committed exactly once, and each attempt has one reservation and one end.
    fileprivate func checkRounds() {
        #expect(evidence.task.status == .finished && evidence.task.round == rounds, account)
        #expect(evidence.openRounds == 0, account)
        #expect(evidence.results.map(\.round) == Array(1...rounds), account)
        let charges = evidence.entries.map(\.charge)
        let kinds = Dictionary(grouping: charges) { charge in
            RoundIdentifier(task: charge.attempt.task, round: charge.attempt.round, attempt: charge.attempt.attempt)
        }
        .mapValues { $0.map(\.kind) }
        #expect(Set(kinds.keys) == Set(evidence.attempts), account)
        let committed = evidence.results.map {
            RoundIdentifier(task: CrashSite.task, round: $0.round, attempt: $0.attempt)
        }
        for (attempt, kinds) in kinds {
            let end: LedgerCharge.Kind = committed.contains(attempt) ? .spent : .abandoned
            #expect(kinds == [.reserved, end], "\(attempt): \(kinds); \(account)")
        }
        // Each round goes on from the model of the one before.
        var model = charges.first?.modelHashBefore
        for charge in charges {
            #expect(charge.modelHashBefore == model, "\(charge.attempt); \(account)")
            if charge.kind == .spent { model = charge.modelHashAfter }
        }
        #expect(model == evidence.task.modelHash, account)
    }

    /// What was added is what its client sent, once, and enough for the planned noise.
    fileprivate func checkUpdates() {
        for result in evidence.results {
            let attempt = RoundIdentifier(task: CrashSite.task, round: result.round, attempt: result.attempt)
            let updates = evidence.accepted[attempt] ?? [:]
            #expect(updates.count == result.survivors, "\(attempt); \(account)")
            #expect(result.survivors >= evidence.plan.rounds.fewestSurvivors, "\(attempt); \(account)")
            #expect(updates.values.reduce(0) { $0 + $1.bytesUp } == result.bytesUp, "\(attempt); \(account)")
        }
        for device in evidence.devices {
            let sent = Evidence.byAttempt(device.sent)
            for (attempt, updates) in evidence.accepted {
                guard let update = updates[device.name] else { continue }
                let bodies = sent[attempt, default: []].filter { SHA256.hash($0.body) == update.bodyHash }
                #expect(!bodies.isEmpty, "\(attempt) has an update that \(device.name) never sent; \(account)")
            }
        }
    }

    /// No device sent two bodies for an attempt, or one that it had not charged; what it was promised was kept.
    fileprivate func checkDevices() {
        for device in evidence.devices {
            for (attempt, uploads) in Evidence.byAttempt(device.sent) {
                #expect(evidence.attempts.contains(attempt), "\(attempt) was never opened; \(account)")
                #expect(uploads.allSatisfy { $0.client == device.name }, account)
                let longest = uploads.max { $0.body.count < $1.body.count }?.body ?? []
                #expect(
                    uploads.allSatisfy { longest.starts(with: $0.body) && (!$0.isComplete || $0.body == longest) },
                    "\(device.name) sent two bodies for \(attempt); \(account)"
                )
                #expect(device.charged.contains(attempt), "\(device.name) did not charge \(attempt); \(account)")
            }
            for (attempt, updates) in evidence.accepted where updates[device.name] != nil {
                #expect(device.charged.contains(attempt), "\(device.name) did not charge \(attempt); \(account)")
            }
            for attempt in device.promised {
                #expect(evidence.accepted[attempt]?[device.name] != nil, "\(attempt) lost an update; \(account)")
            }
            guard let journal = device.journal, journal.round.stage == .delivered else { continue }
            let update = evidence.accepted[journal.round.identifier]?[device.name]
            #expect(update?.bodyHash == journal.bodyHash, "\(journal.round.identifier); \(account)")
        }
    }
}

extension Invariants {
    init(_ run: CrashRun) throws {
        let site = run.site
        evidence = try Evidence(run)
        rounds = site.rounds
        replay = Replay(
            start: site.start,
            sealedKeys: try site.database.sealedKeys(site.folder.file("server"), task: CrashSite.task),
            serverKeys: try ServerKeys(stateFolder: site.folder.file("server"))
        )
        account = run.account
    }

    /// The same, and what the executables themselves say.
    func check(_ run: CrashRun) async throws {
        // A server that was killed at the very end is not started again.
        #expect([0, -Int(SIGKILL)].contains(run.server.ends.last?.status), account)
        for client in run.clients { #expect(client.ends.last?.status == 0, account) }
        try check()
        try await checkEpsilon { try await run.site.command($0) }
        try await checkAnswers(run)
    }

    /// ε by the ledger is ε by the plan for as many attempts as were opened, against everybody.
    func checkEpsilon(_ command: ([String]) async throws -> Ended) async throws {
        struct Shown: Decodable {
            let epsilonAgainst: [String: Double]
            let entries: [Entry]

            struct Entry: Decodable {
                let kind: String
            }
        }
        let ended = try await command(["ledger", CrashSite.population, "--json"])
        #expect(ended.status == 0, "\(ended.errors) \(account)")
        let shown = try decoded(Array(ended.output.utf8), as: Shown.self)
        #expect(shown.entries.count == 2 * evidence.attempts.count, account)
        let claims = try evidence.plan.claims(rounds: evidence.attempts.count)
        #expect(claims.count == shown.epsilonAgainst.count && !claims.isEmpty, account)
        for claim in claims {
            #expect(shown.epsilonAgainst[claim.adversary.description] == claim.epsilon, "\(claim) \(account)")
        }
    }

    /// A server that is started once more gives the answers that it gave, and takes nothing else in their place.
    private func checkAnswers(_ run: CrashRun) async throws {
        let site = run.site
        let server = try await site.listeningServer()
        for (place, device) in evidence.devices.enumerated() {
            for (attempt, uploads) in Evidence.byAttempt(device.sent) {
                guard let update = evidence.accepted[attempt]?[device.name],
                    let body = uploads.first(where: { SHA256.hash($0.body) == update.bodyHash })?.body
                else { continue }
                let reply = try Evidence.put(body, for: attempt, by: place + 1, site)
                #expect(try Evidence.isReceipt(reply, of: update, by: place + 1, site), "\(attempt); \(account)")
                let other = try Evidence.put(body + [0], for: attempt, by: place + 1, site)
                #expect(other.status == 409, "\(attempt); \(account)")
            }
        }
        let before = evidence.entries.count
        server.signal(SIGTERM)
        #expect(try await server.ended().status == 0, account)
        #expect(try Evidence(run).entries.count == before, account)
    }
}
