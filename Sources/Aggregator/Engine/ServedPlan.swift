// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Messages
internal import Rounds
internal import Store
internal import Synchronization
internal import Updates

/// What requests need of a task's plan. Plans never change, so they are read once.
struct ServedPlan: Sendable {
    let plan: TaskPlan
    let hash: [UInt8]
    private let training: UpdateForm
    private let evaluation: UpdateForm

    /// What every update of a round looks like.
    struct UpdateForm: Sendable {
        let count: Int
        let ring: Ring

        /// The largest body that an honest client sends.
        var uploadLimit: Int { WireLimits.upload(count: count, bits: ring.bits) }
    }

    /// The largest body that an honest client of this plan sends, whatever the round.
    var uploadLimit: Int { max(training.uploadLimit, evaluation.uploadLimit) }

    func form(of round: RoundIdentifier) -> UpdateForm {
        switch plan.rounds.kind(ofRound: round.round) {
        case .training: training
        case .evaluation: evaluation
        }
    }

    /// - Throws: ``AggregatorError`` where the bytes are not those of the hash, or not a plan.
    init(bytes: [UInt8], hash: [UInt8]) throws {
        guard SHA256.hash(bytes) == hash else {
            throw AggregatorError.failure(
                "plan \(Hexadecimal.text(hash)): does not have its hash; restore the database"
            )
        }
        try self.init(Sotto_V1_Plan(wire: bytes, what: "plan \(Hexadecimal.text(hash))").plan(), hash: hash)
    }

    init(_ plan: TaskPlan, hash: [UInt8]) throws {
        self.plan = plan
        self.hash = hash
        training = UpdateForm(count: plan.model.parameters, ring: try Ring(bits: plan.ringBits))
        evaluation = UpdateForm(
            count: EvaluationTerms.coordinates,
            ring: try Ring(bits: EvaluationTerms.ringBits)
        )
    }
}

/// Plans that were read, by their hashes.
final class PlanCache: Sendable {
    private let plans = Mutex<[[UInt8]: ServedPlan]>([:])

    func plan(_ hash: [UInt8], _ session: StoreSession) throws -> ServedPlan {
        if let known = plans.withLock({ $0[hash] }) { return known }
        guard let bytes = try session.blob(hash) else {
            throw AggregatorError.failure("plan \(Hexadecimal.text(hash)): is not in the database")
        }
        let plan = try ServedPlan(bytes: bytes, hash: hash)
        plans.withLock { $0[hash] = plan }
        return plan
    }
}

/// The private keys of open rounds, opened once.
final class RoundKeys: Sendable {
    /// A key that several threads open updates with.
    final class Key: Sendable {
        let secret: X25519PrivateKey

        init(_ secret: consuming X25519PrivateKey) {
            self.secret = secret
        }
    }

    private let keys: ServerKeys
    private let opened = Mutex<[RoundIdentifier: Key]>([:])

    init(_ keys: ServerKeys) {
        self.keys = keys
    }

    func key(of round: RoundRecord) throws -> Key {
        if let known = opened.withLock({ $0[round.identifier] }) { return known }
        let bytes = try keys.open(round.sealedPrivateKey, context: Self.context(round.identifier))
        let key = Key(try X25519PrivateKey(bytes: bytes))
        opened.withLock { opened in
            // A task has one open round: the keys of those before it are forgotten, and erased with that.
            opened = opened.filter { $0.key.task != round.identifier.task }
            opened[round.identifier] = key
        }
        return key
    }

    /// What a round's key is sealed for.
    static func context(_ round: RoundIdentifier) -> String { "round key of \(round)" }
}
