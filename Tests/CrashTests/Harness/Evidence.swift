// SPDX-License-Identifier: Apache-2.0

import Accounting
import Cryptography
import Files
import FoundationEssentials
import Messages
import Participant
import Rounds
import Store
import TestKit

/// What a run left behind: in the server's store, in each client's folder, and on the network.
///
/// The one place where these tests read the formats of the rooms; everything else is processes, files and HTTP.
struct Evidence {
    struct Device {
        let name: String
        /// Attempts in its own ledger.
        let charged: Set<RoundIdentifier>
        let journal: Journal?
        let sent: [SentUpload]
        /// Attempts for which it was given a receipt, as far as it told.
        let promised: Set<RoundIdentifier>
    }

    let task: TaskRecord
    let plan: TaskPlan
    let results: [RoundResult]
    /// Every attempt that the server opened, from the table of rounds.
    let attempts: [RoundIdentifier]
    let openRounds: Int
    /// Entries of the population's ledger, their chain verified.
    let entries: [LedgerEntry]
    /// The accepted updates of each attempt, by client.
    let accepted: [RoundIdentifier: [String: AcceptedUpdate]]
    let devices: [Device]

    /// - Parameter rounds: of the task.
    init(_ store: Store, rounds: Int, devices: [Device]) throws {
        self.devices = devices
        let stored = try store.read { session in
            guard let task = try session.task(CrashSite.task), let planBytes = try session.blob(task.planHash) else {
                throw TooLate(description: "the task is in the store")
            }
            let attempts = try (1...rounds).flatMap { round in
                let last = try session.lastAttempt(task: task.name, round: round)
                return last == 0 ? [] : (1...last).map { RoundIdentifier(task: task.name, round: round, attempt: $0) }
            }
            let accepted = try attempts.map { attempt in
                let updates = try devices.compactMap { try session.update(of: $0.name, in: attempt) }
                return (attempt, Dictionary(uniqueKeysWithValues: updates.map { ($0.client, $0) }))
            }
            return (
                task: task, planBytes: planBytes, attempts: attempts,
                accepted: Dictionary(uniqueKeysWithValues: accepted), results: try session.results(of: task.name),
                open: try session.openRounds().count, rows: try session.ledger(of: CrashSite.population)
            )
        }
        task = stored.task
        plan = try Sotto_V1_Plan(wire: stored.planBytes, what: "plan").plan()
        (results, attempts, openRounds, accepted) = (stored.results, stored.attempts, stored.open, stored.accepted)
        let rows = stored.rows
        entries = try Ledger(
            population: CrashSite.population,
            entries: rows.map { row in
                try LedgerEntry(canonicalEncoding: Array(row.entry.dropLast(32)), hash: Array(row.entry.suffix(32)))
            }
        )
        .entries
    }

    init(_ run: CrashRun) throws {
        let site = run.site
        let devices = try zip(1..., run.clients).map { index, process in
            try Device(
                site.clientFolder(index),
                sent: SentUpload.list(site.folder.bytes(of: site.sentLog(index)))
            ) { attempt in process.errors.contains("\(attempt): delivered ") }
        }
        try self.init(site.database.open(site.folder.file("server")), rounds: site.rounds, devices: devices)
    }

    private static func identity(_ index: Int, _ site: CrashSite) throws -> Identity {
        let folder = try whileLocked { try StateFolder(site.clientFolder(index)) }
        guard let identity = try folder.identity() else {
            throw TooLate(description: "client \(index) has an identity")
        }
        return identity
    }

    // MARK: Answers

    /// Sends an upload in the name of a client, freshly signed.
    static func put(
        _ body: [UInt8],
        for round: RoundIdentifier,
        by index: Int,
        _ site: CrashSite
    ) throws -> TransportReply {
        let identity = try identity(index, site)
        let signature = RequestSignature(
            method: "PUT",
            target: Paths.update(round),
            range: "",
            bodyHash: SHA256.hash(body),
            server: SHA256.hash(identity.serverPublicKey),
            client: identity.client,
            time: WallClock.milliseconds(),
            nonce: SystemRandom.bytes(16)
        )
        let key = try identity.signingKey()
        var request = TransportRequest(method: "PUT", target: Paths.update(round), replyLimit: 1 << 16)
        request.body = body
        request.headers = [
            (RequestSignature.clientHeader, identity.client),
            (RequestSignature.timeHeader, "\(signature.time)"),
            (RequestSignature.nonceHeader, Hexadecimal.text(signature.nonce)),
            (RequestSignature.signatureHeader, Hexadecimal.text(key.sign(signature.signedBytes))),
        ]
        return try CurlTransport(address: ServerAddress("http://127.0.0.1:\(site.port)")).send(request)
    }

    /// Whether an answer is the signed receipt of an update, with everything that the store knows of it.
    static func isReceipt(
        _ reply: TransportReply,
        of update: AcceptedUpdate,
        by index: Int,
        _ site: CrashSite
    ) throws -> Bool {
        let identity = try identity(index, site)
        let signed = try Sotto_V1_Signed(wire: reply.body, what: "receipt")
        let body = try signed.verified(.receipt, by: Ed25519PublicKey(bytes: identity.serverPublicKey))
        let receipt = try Sotto_V1_Receipt(wire: body, what: "receipt")
        return reply.status == 200 && receipt.bodyHash.byteArray == update.bodyHash
            && receipt.client == update.client && receipt.receipts == UInt64(update.receipts)
            && receipt.ledgerIndex == UInt64(update.ledgerIndex)
            && receipt.ledgerHead.byteArray == update.ledgerHead
    }

    /// The uploads of one device by the attempt that their path names.
    static func byAttempt(_ uploads: [SentUpload]) -> [RoundIdentifier: [SentUpload]] {
        Dictionary(grouping: uploads) { upload in
            let parts = upload.target.split(separator: "/")
            guard parts.count == 8, let round = Int(parts[4]), let attempt = Int(parts[6]) else {
                return RoundIdentifier(task: upload.target, round: 0, attempt: 0)
            }
            return RoundIdentifier(task: String(parts[2]), round: round, attempt: attempt)
        }
    }
}

extension Evidence.Device {
    /// What a state folder holds whose client has ended.
    ///
    /// - Parameter isPromised: whether the client told of a receipt for an attempt in its ledger.
    init(_ stateFolder: String, sent: [SentUpload], isPromised: (RoundIdentifier) -> Bool) throws {
        let ledger = try ClientLedger(
            path: stateFolder + "/ledger",
            isNew: false,
            maximumEpsilon: 1000,
            maximumEpsilonAgainstServer: 1e6,
            delta: 1e-5
        )
        let folder = try whileLocked { try StateFolder(stateFolder) }
        guard let identity = try folder.identity() else {
            throw TooLate(description: "\(stateFolder) has an identity")
        }
        name = identity.client
        charged = ledger.rounds
        journal = try folder.journals()[CrashSite.task]
        self.sent = sent
        promised = charged.filter(isPromised)
    }
}
