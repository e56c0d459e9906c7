// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Cryptography
import FoundationEssentials
import GRDB
import Logging
import Messages
import Rounds
import Store
import Synchronization
import TestKit
import Testing
import Updates

/// A clock that a test can move; otherwise it is the machine's.
final class ShiftedClock: Sendable {
    private let offset = Mutex<UInt64>(0)

    var now: UInt64 { WallClock.milliseconds() + offset.withLock { $0 } }

    func advance(seconds: UInt64) { offset.withLock { $0 += seconds * 1000 } }
}

/// A server in this process on a folder of its own, with a task that can be served.
final class Place: Sendable {
    let folder: MemoryFolder
    let clock = ShiftedClock()
    let configuration: ServerConfiguration
    private let server: Mutex<Aggregator?>

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// - Parameter doors: who may come in.
    init(doors: DoorConfiguration = DoorConfiguration(), tasks: [String] = ["digits"]) async throws {
        folder = try MemoryFolder()
        var configuration = ServerConfiguration(
            name: "test",
            stateFolder: folder.file("server"),
            listen: try ListenAddress("127.0.0.1:0"),
            budgets: ["people": try SpendLimits(epsilon: 50, epsilonServer: nil, delta: 1e-5)]
        )
        configuration.doors = doors
        self.configuration = configuration
        for task in tasks {
            try folder.put(Self.task(task), in: "\(task).toml")
            _ = try Administration.createTask(file: folder.file("\(task).toml"), configuration: configuration)
        }
        server = Mutex(nil)
        let made = try await Aggregator(
            configuration: configuration,
            store: Administration.openStore(configuration),
            logger: Self.logger,
            clock: { [clock] in clock.now },
            workers: 2
        )
        server.withLock { $0 = made }
    }

    var aggregator: Aggregator {
        guard let aggregator = server.withLock({ $0 }) else { preconditionFailure("the place is closed") }
        return aggregator
    }

    /// Ends the server and waits until its folder is free.
    func close() async throws {
        weak let ending = server.withLock { $0 }
        server.withLock { $0 = nil }
        while ending != nil { try await Task.sleep(for: .milliseconds(1)) }
    }

    /// A server process more on the same database.
    func second() async throws -> Aggregator {
        var other = ServerConfiguration(
            name: "test",
            stateFolder: folder.file("second"),
            listen: configuration.listen,
            budgets: configuration.budgets
        )
        other.database = configuration.database
        try FileManager.default.createDirectory(atPath: other.stateFolder, withIntermediateDirectories: true)
        let key = "/server.key"
        try FileManager.default.copyItem(atPath: configuration.stateFolder + key, toPath: other.stateFolder + key)
        return try await Aggregator(
            configuration: other,
            store: Administration.openStore(other),
            logger: Self.logger,
            clock: { [clock] in clock.now },
            workers: 1
        )
    }

    /// As it comes over the network, but without limits of rate.
    func respond(to request: APIRequest, on server: Aggregator? = nil) async -> APIResponse {
        let server = server ?? aggregator
        let (method, target, headers) = (request.method, request.target, request.headers)
        switch await server.admit(method: method, target: target, headers: headers) {
        case .failure(let refusal): return refusal.response
        case .success(let limit) where request.body.count > limit:
            return .refusal(413, "request: its body exceeds \(limit) bytes")
        case .success: return await server.respond(to: request)
        }
    }

    func token(_ name: String, _ role: OperatorRole, expiresAfter: UInt64? = nil) throws -> String {
        try Administration.newToken(name, role: role, expiresAfter: expiresAfter, configuration: configuration)
    }

    func store() throws -> Store { try Administration.openStore(configuration) }

    var databasePath: String { configuration.stateFolder + "/sotto.sqlite" }

    /// Every row of every table as text, long values by their hash.
    ///
    /// - Parameter nonces: whether those that were used are among them.
    func dump(nonces: Bool) throws -> [String] {
        let queue = try DatabaseQueue(path: databasePath)
        return try queue.read { database in
            let tables = try String.fetchAll(
                database,
                sql: "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
            return try tables.filter { nonces || $0 != "nonces" }.flatMap { table in
                try Row.fetchAll(database, sql: "SELECT * FROM \(table)").map { row in
                    let values = row.map { column, value in "\(column)=\(Self.text(of: value))" }
                    return "\(table): \(values.joined(separator: " "))"
                }
                .sorted()
            }
        }
    }

    private static func text(of value: DatabaseValue) -> String {
        switch value.storage {
        case .blob(let data): Hexadecimal.text(SHA256.hash([UInt8](data)))
        case .string(let text): text
        case .int64(let number): "\(number)"
        case .double(let number): "\(number)"
        case .null: "null"
        }
    }

    static func task(_ name: String) -> String {
        """
        [task]
        name = "\(name)"
        population = "people"
        rounds = 3

        [model]
        preset = "logistic"

        [data]
        shape = [1, 8, 8]
        classes = 10
        examples = 1438

        [privacy]
        unit = "example"
        epsilon = 8.0
        delta = 1e-5
        clip = 0.5
        sampling-rate = 0.05
        colluders = 1

        [round]
        cohort = 3
        fewest-survivors = 3
        deadline-seconds = 3600
        over-selection = 1.0
        upload-after-milliseconds = 0

        [optimizer]
        kind = "sgd"
        learning-rate = 1.0
        momentum = 0.9
        """
    }
}

/// A device that signs what a test says. Built on the wire's messages alone.
final class Device: Sendable {
    let place: Place
    let name: String
    private let key: Ed25519PrivateKey

    /// One that nobody has enrolled.
    init(unknownTo place: Place) {
        self.place = place
        key = Ed25519PrivateKey()
        name = "c-" + Hexadecimal.text(SHA256.hash(key.publicKey.bytes).prefix(10))
    }

    init(enrolledIn place: Place) async throws {
        self.place = place
        key = Ed25519PrivateKey()
        name = "c-" + Hexadecimal.text(SHA256.hash(key.publicKey.bytes).prefix(10))
        let invite = try InviteToken(Administration.invite(place.configuration))
        let response = await place.respond(to: enrolment(secret: invite.secret))
        try #require(response.status == 200)
    }

    func enrolment(secret: [UInt8]) -> APIRequest {
        var message = Sotto_V1_EnrolmentRequest()
        message.inviteSecret = Data(secret)
        message.publicKey = Data(key.publicKey.bytes)
        return APIRequest(method: "POST", target: Paths.enrolments, body: message.wireBytes())
    }

    /// What a signature says, where it says something else than the request.
    struct Lies: Sendable {
        var method: String?
        var target: String?
        var range: String?
        var body: [UInt8]?
        var server: [UInt8]?
        var client: String?
        /// Seconds by which the time is off.
        var shift: Int64 = 0
    }

    func signed(_ request: APIRequest, _ lies: Lies = Lies()) -> APIRequest {
        let time = UInt64(Int64(place.clock.now) + lies.shift * 1000)
        let signature = RequestSignature(
            method: lies.method ?? request.method,
            target: lies.target ?? request.target,
            range: lies.range ?? request.headers["range"] ?? "",
            bodyHash: SHA256.hash(lies.body ?? request.body),
            server: lies.server ?? place.aggregator.publicKeyHash,
            client: lies.client ?? name,
            time: time,
            nonce: SystemRandom.bytes(16)
        )
        var request = request
        request.headers[RequestSignature.clientHeader] = name
        request.headers[RequestSignature.timeHeader] = "\(time)"
        request.headers[RequestSignature.nonceHeader] = Hexadecimal.text(signature.nonce)
        request.headers[RequestSignature.signatureHeader] = Hexadecimal.text(key.sign(signature.signedBytes))
        return request
    }

    static func assignmentRequest(accepting plan: [UInt8]) -> APIRequest {
        var message = Sotto_V1_AssignmentRequest()
        message.acceptedPlans = [Data(plan)]
        return APIRequest(method: "POST", target: Paths.assignments, body: message.wireBytes())
    }

    func ask(accepting plan: [UInt8]) async throws -> Sotto_V1_AssignmentReply {
        let response = await place.respond(to: signed(Self.assignmentRequest(accepting: plan)))
        try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        return try Sotto_V1_AssignmentReply(wire: response.body, what: "reply")
    }

    /// An update of zeros as an honest client would send it.
    func update(for assignment: Sotto_V1_Assignment) throws -> APIRequest {
        let bytes = try place.store().read { session in try session.blob(assignment.planHash.byteArray) }
        let plan = try Sotto_V1_Plan(wire: try #require(bytes), what: "plan").plan()
        let ring = try Ring(bits: plan.ringBits)
        let values = [Int64](repeating: 0, count: plan.model.parameters)
        let (codec, plaintext) = UpdateEncoding.encode(values.span, in: ring)
        let context = try UpdateContext(
            planHash: assignment.planHash.byteArray,
            modelHash: assignment.modelHash.byteArray,
            task: assignment.task,
            round: assignment.round,
            attempt: assignment.attempt,
            client: name,
            keyID: assignment.keyID,
            codec: codec,
            ring: ring,
            count: plan.model.parameters,
            plaintextLength: plaintext.count
        )
        // Protocol, then the suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
        let sealed = try HPKE.seal(
            plaintext,
            to: assignment.roundPublicKey.byteArray,
            info: Array("sotto/1 update".utf8) + [0, 0x20, 0, 1, 0, 2],
            associatedData: context.canonicalBytes
        )
        var upload = Sotto_V1_UpdateUpload()
        upload.planHash = assignment.planHash
        upload.modelHash = assignment.modelHash
        upload.keyID = assignment.keyID
        upload.encapsulatedKey = Data(sealed.encapsulatedKey)
        upload.ciphertext = Data(sealed.ciphertext)
        upload.codec = codec.rawValue
        upload.ringBits = UInt32(plan.ringBits)
        upload.count = UInt64(plan.model.parameters)
        upload.plaintextLength = UInt64(plaintext.count)
        let round = RoundIdentifier(
            task: assignment.task,
            round: Int(assignment.round),
            attempt: Int(assignment.attempt)
        )
        return APIRequest(method: "PUT", target: Paths.update(round), body: upload.wireBytes())
    }
}

extension APIRequest {
    func bearing(_ token: String) -> APIRequest {
        var request = self
        request.headers["authorization"] = "Bearer \(token)"
        return request
    }

    func with(_ header: String, _ value: String?) -> APIRequest {
        var request = self
        request.headers[header] = value
        return request
    }
}

extension APIResponse {
    /// The one line of a refusal in either form.
    var reason: String? {
        if contentType == "application/json" {
            return try? JSONDecoder().decode([String: String].self, from: Data(body))["reason"]
        }
        return (try? Sotto_V1_Refusal(wire: body, limit: 1 << 20, what: "refusal"))?.reason
    }
}
