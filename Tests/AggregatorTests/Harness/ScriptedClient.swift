// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import FoundationEssentials
import Messages
import Rounds
import Store
import Testing
import Updates

/// A client that does what a test says, request by request, honest or not. Built on the wire's own messages, not on
/// Participant.
final class ScriptedClient: Sendable {
    let world: World
    let name: String
    private let key: Ed25519PrivateKey

    init(enrolledIn world: World) async throws {
        self.world = world
        key = Ed25519PrivateKey()
        name = Self.name(of: key.publicKey)
        let invite = try InviteToken(world.invite())
        let response = await world.respond(to: Self.enrolment(secret: invite.secret, key: key.publicKey.bytes))
        try #require(response.status == 200)
    }

    /// A client that nobody enrolled.
    init(unknownTo world: World) {
        self.world = world
        key = Ed25519PrivateKey()
        name = Self.name(of: key.publicKey)
    }

    private static func name(of key: Ed25519PublicKey) -> String {
        "c-" + Hexadecimal.text(SHA256.hash(key.bytes).prefix(10))
    }

    static func enrolment(secret: [UInt8], key: [UInt8]) -> APIRequest {
        var message = Sotto_V1_EnrolmentRequest()
        message.inviteSecret = Data(secret)
        message.publicKey = Data(key)
        return APIRequest(method: "POST", target: Paths.enrolments, body: message.wireBytes())
    }

    // MARK: Signed requests

    /// What a dishonest client may sign differently.
    struct Signing {
        var time: UInt64?
        var nonce = SystemRandom.bytes(16)
        var server: [UInt8]?
        var name: String?
    }

    func request(
        _ method: String,
        _ target: String,
        body: [UInt8] = [],
        range: String = "",
        signing: Signing = Signing()
    ) -> APIRequest {
        let signature = RequestSignature(
            method: method,
            target: target,
            range: range,
            bodyHash: SHA256.hash(body),
            server: signing.server ?? world.aggregator.publicKeyHash,
            client: signing.name ?? name,
            time: signing.time ?? world.clock.now,
            nonce: signing.nonce
        )
        var headers = [
            RequestSignature.clientHeader: signature.client,
            RequestSignature.timeHeader: "\(signature.time)",
            RequestSignature.nonceHeader: Hexadecimal.text(signature.nonce),
            RequestSignature.signatureHeader: Hexadecimal.text(key.sign(signature.signedBytes)),
        ]
        if !range.isEmpty { headers["range"] = range }
        return APIRequest(method: method, target: target, headers: headers, body: body)
    }

    /// - Parameter plans: the hashes of the plans that it accepts.
    func assignmentRequest(accepting plans: [[UInt8]] = [], refusing tasks: [String] = []) -> APIRequest {
        var message = Sotto_V1_AssignmentRequest()
        message.acceptedPlans = plans.map { Data($0) }
        message.refusedTasks = tasks
        return request("POST", Paths.assignments, body: message.wireBytes())
    }

    /// The assignment of this client, which accepts the world's plan; `nil` when it is told to wait or that all is finished.
    func assignment() async throws -> Sotto_V1_Assignment? {
        let response = await world.respond(to: assignmentRequest(accepting: [try world.task().planHash]))
        try #require(response.status == 200)
        let reply = try Sotto_V1_AssignmentReply(wire: response.body, what: "reply")
        guard case .assignment(let signed) = reply.answer else { return nil }
        return try Sotto_V1_Assignment(wire: signed.body.byteArray, what: "assignment")
    }

    // MARK: Updates

    /// The body of an update around a plaintext that this client chose, sealed as an honest one would be.
    func body(
        _ assignment: Sotto_V1_Assignment,
        plaintext: [UInt8],
        codec: UpdateCodec,
        changing change: (inout Sotto_V1_UpdateUpload) -> Void = { _ in }
    ) throws -> [UInt8] {
        let form = try Self.form(assignment, world.plan())
        let context = try UpdateContext(
            planHash: assignment.planHash.byteArray,
            modelHash: assignment.modelHash.byteArray,
            task: assignment.task,
            round: assignment.round,
            attempt: assignment.attempt,
            client: name,
            keyID: assignment.keyID,
            codec: codec,
            ring: Ring(bits: form.ringBits),
            count: form.count,
            plaintextLength: plaintext.count
        )
        // Protocol, then the suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
        let info = Array("sotto/1 update".utf8) + [0, 0x20, 0, 1, 0, 2]
        let sealed = try HPKE.seal(
            plaintext,
            to: assignment.roundPublicKey.byteArray,
            info: info,
            associatedData: context.canonicalBytes
        )
        var upload = Sotto_V1_UpdateUpload()
        upload.planHash = assignment.planHash
        upload.modelHash = assignment.modelHash
        upload.keyID = assignment.keyID
        upload.encapsulatedKey = Data(sealed.encapsulatedKey)
        upload.ciphertext = Data(sealed.ciphertext)
        upload.codec = codec.rawValue
        upload.ringBits = UInt32(form.ringBits)
        upload.count = UInt64(form.count)
        upload.plaintextLength = UInt64(plaintext.count)
        change(&upload)
        return upload.wireBytes()
    }

    /// How many values an update of a round has, and in which ring: in docs/protocol.md's words.
    static func form(_ assignment: Sotto_V1_Assignment, _ plan: TaskPlan) -> (count: Int, ringBits: Int) {
        let isEvaluation = plan.rounds.evaluationEvery.map { Int(assignment.round) % ($0 + 1) == 0 } ?? false
        return isEvaluation ? (3, 62) : (plan.model.parameters, plan.ringBits)
    }

    /// A valid body whose values are all the same.
    func body(_ assignment: Sotto_V1_Assignment, value: Int64 = 0) throws -> [UInt8] {
        let form = try Self.form(assignment, world.plan())
        let values = [Int64](repeating: value, count: form.count)
        let (codec, plaintext) = UpdateEncoding.encode(values.span, in: try Ring(bits: form.ringBits))
        return try body(assignment, plaintext: plaintext, codec: codec)
    }

    static func target(_ assignment: Sotto_V1_Assignment) -> String {
        Paths.update(
            RoundIdentifier(task: assignment.task, round: Int(assignment.round), attempt: Int(assignment.attempt))
        )
    }

    func put(_ body: [UInt8], _ assignment: Sotto_V1_Assignment) async -> APIResponse {
        await world.respond(to: request("PUT", Self.target(assignment), body: body))
    }

    /// Asks for its assignment and delivers zeros.
    func deliverZeros() async throws {
        let assignment = try #require(try await assignment())
        let response = await put(try body(assignment), assignment)
        try #require(response.status == 200)
    }
}

extension APIResponse {
    /// The one line of a refusal, or `nil` where the body is none.
    var reason: String? {
        if contentType == "application/json" {
            return try? JSONDecoder().decode([String: String].self, from: Data(body))["reason"]
        }
        guard let refusal = try? Sotto_V1_Refusal(wire: body, limit: 1 << 20, what: "refusal") else { return nil }
        return refusal.reason.isEmpty ? nil : refusal.reason
    }
}
