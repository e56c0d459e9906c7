// SPDX-License-Identifier: Apache-2.0

import Accounting
import Aggregator
import Cryptography
import Messages
import Rounds
import Store
import TestKit
import Testing
import Updates

/// Trains once more, from what clients sent: each committed round's updates are opened by the key that the round had, added
/// up and stepped with, in one process that nobody disturbs.
struct Replay {
    /// The task when it was made.
    struct Start: Sendable {
        let model: [UInt8]
        let optimizerState: [UInt8]

        init(_ store: Store, task: String) throws {
            (model, optimizerState) = try store.read { session in
                guard let record = try session.task(task), let model = try session.blob(record.modelHash) else {
                    throw TooLate(description: "task \(task) has a model")
                }
                return (model, try session.optimizerState(of: task))
            }
        }
    }

    let start: Start
    /// By round, as the store had them.
    let sealedKeys: [RoundIdentifier: [UInt8]]
    /// What they are sealed under.
    let serverKeys: ServerKeys

    /// The model after each committed round must be the one that the ledger names.
    func check(_ evidence: Evidence, _ account: Comment) throws {
        let plan = evidence.plan
        let runtime = try TaskRuntime(plan, hash: evidence.task.planHash, evaluationData: "", workers: 1)
        let spent = evidence.entries.map(\.charge).filter { $0.kind == .spent }
        var (model, state) = (start.model, start.optimizerState)
        for (result, charge) in zip(evidence.results, spent) {
            let round = RoundIdentifier(task: evidence.task.name, round: result.round, attempt: result.attempt)
            let modelHash = SHA256.hash(model)
            #expect(charge.modelHashBefore == modelHash, "\(round); \(account)")
            var sum = try RunningSum(ring: Ring(bits: plan.ringBits), count: plan.model.parameters)
            for device in evidence.devices {
                guard let update = evidence.accepted[round]?[device.name] else { continue }
                let body = device.sent.first { SHA256.hash($0.body) == update.bodyHash }?.body
                try sum.add(open(#require(body, account), of: device.name, in: round, evidence, modelHash: modelHash))
            }
            #expect(sum.updates == result.survivors, "\(round); \(account)")
            let step = try runtime.step(model: model, optimizerState: state, sum: sum.decoded())
            #expect(charge.modelHashAfter == step.modelHash, "\(round) has another model than its replay; \(account)")
            (model, state) = (step.model, step.optimizerState)
        }
        #expect(evidence.task.modelHash == SHA256.hash(model), account)
    }

    private func open(
        _ body: [UInt8],
        of client: String,
        in round: RoundIdentifier,
        _ evidence: Evidence,
        modelHash: [UInt8]
    ) throws -> DecodedUpdate {
        let plan = evidence.plan
        let limit = WireLimits.upload(count: plan.model.parameters, bits: plan.ringBits)
        let message = try Sotto_V1_UpdateUpload(wire: body, limit: limit, what: "update")
        let codec = try #require(UpdateCodec(rawValue: message.codec))
        let sealed = try SealedUpdate(
            encapsulatedKey: message.encapsulatedKey.byteArray,
            ciphertext: message.ciphertext.byteArray,
            codec: codec,
            ring: Ring(bits: plan.ringBits),
            count: plan.model.parameters
        )
        let context = try UpdateContext(
            planHash: evidence.task.planHash,
            modelHash: modelHash,
            task: round.task,
            round: UInt32(round.round),
            attempt: UInt32(round.attempt),
            client: client,
            keyID: message.keyID,
            codec: codec,
            ring: sealed.ring,
            count: plan.model.parameters,
            plaintextLength: sealed.plaintextLength
        )
        let key = try #require(sealedKeys[round], "\(round): its key was kept")
        let secret = try X25519PrivateKey(bytes: serverKeys.open(key, context: "round key of \(round)"))
        return try UpdateSealing.open(sealed, context: context, with: secret)
    }
}
