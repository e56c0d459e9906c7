// SPDX-License-Identifier: Apache-2.0

import Cryptography
import FoundationEssentials
import Messages
import Participant
import Rounds
import Synchronization
import Testing

/// Long bodies in parts, over a transport that keeps what arrives as docs/federated.md says and loses what a test says.
@Suite("Uploads in parts")
struct UploadTests {
    static let round = RoundIdentifier(task: "t", round: 2, attempt: 3)
    static let part = 1 << 20

    final class Receiver: Transport, Sendable {
        struct State {
            var received: [UInt8] = []
            var total: Int?
            var requests: [(method: String, range: String, length: Int)] = []
            var signatures: Set<String> = []
        }

        let state = Mutex(State())
        let key = Ed25519PrivateKey()
        let clientKey: Ed25519PublicKey
        let isLost: @Sendable (Int) -> (request: Bool, reply: Bool)

        init(_ clientKey: Ed25519PublicKey, isLost: @escaping @Sendable (Int) -> (request: Bool, reply: Bool)) {
            self.clientKey = clientKey
            self.isLost = isLost
        }

        func send(_ request: TransportRequest) throws(TransportError) -> TransportReply {
            let headers = Dictionary(request.headers.map { ($0.name, $0.value) }) { first, _ in first }
            let range = headers["content-range"] ?? ""
            let signature = headers[RequestSignature.signatureHeader] ?? ""
            let signed = RequestSignature(
                method: request.method,
                target: request.target,
                range: range,
                bodyHash: SHA256.hash(request.body),
                server: SHA256.hash(key.publicKey.bytes),
                client: "c",
                time: UInt64(headers[RequestSignature.timeHeader] ?? "") ?? 0,
                nonce: Hexadecimal.bytes(headers[RequestSignature.nonceHeader] ?? "") ?? []
            )
            let given = Hexadecimal.bytes(signature) ?? []
            guard clientKey.verifies(signature: given, of: signed.signedBytes), request.range.isEmpty,
                request.target == "/v1/tasks/t/rounds/2/attempts/3/update"
            else { return TransportReply(status: 401, body: []) }
            let (ordinal, isNew) = state.withLock { state in
                state.requests.append((request.method, range, request.body.count))
                return (state.requests.count - 1, state.signatures.insert(signature).inserted)
            }
            guard isNew else { return TransportReply(status: 401, body: []) }
            let lost = isLost(ordinal)
            if lost.request { throw TransportError("lost") }
            let reply = state.withLock { respond(request, range, &$0) }
            if lost.reply { throw TransportError("lost") }
            return reply
        }

        private func respond(_ request: TransportRequest, _ range: String, _ state: inout State) -> TransportReply {
            if request.method == "PUT" {
                if range.isEmpty {
                    state.received = request.body
                    state.total = request.body.count
                } else {
                    let numbers = range.split { !$0.isNumber }.compactMap { Int($0) }
                    guard numbers.count == 3, numbers[1] + 1 - numbers[0] == request.body.count,
                        range == "bytes \(numbers[0])-\(numbers[1])/\(numbers[2])"
                    else { return TransportReply(status: 400, body: []) }
                    state.total = numbers[2]
                    if (numbers[0]...numbers[1]).contains(state.received.count) {
                        state.received += request.body.dropFirst(state.received.count - numbers[0])
                    }
                }
                if state.received.count == state.total {
                    var receipt = Sotto_V1_Receipt()
                    receipt.client = "c"
                    receipt.task = "t"
                    receipt.round = 2
                    receipt.attempt = 3
                    receipt.bodyHash = Data(SHA256.hash(state.received))
                    let signed = Sotto_V1_Signed(.receipt, body: receipt.wireBytes(), key: key)
                    return TransportReply(status: 200, body: signed.wireBytes())
                }
            }
            var progress = Sotto_V1_UploadProgress()
            progress.received = UInt64(state.received.count)
            return TransportReply(status: request.method == "PUT" ? 202 : 200, body: progress.wireBytes())
        }
    }

    private static let seed = SystemRandom.bytes(Ed25519PrivateKey.seedLength)

    private func receiver(
        isLost: @escaping @Sendable (Int) -> (request: Bool, reply: Bool) = { _ in (false, false) }
    ) throws -> Receiver {
        try Receiver(Ed25519PrivateKey(seed: Self.seed).publicKey, isLost: isLost)
    }

    private func connection(_ receiver: Receiver) throws -> ServerConnection {
        ServerConnection(
            transport: receiver,
            key: try Ed25519PrivateKey(seed: Self.seed),
            serverKeys: try PinnedKeys(publicKey: receiver.key.publicKey.bytes),
            client: "c",
            clock: WallClock.milliseconds
        )
    }

    /// The receipt, or nil when it has to be tried again.
    private func delivered(
        _ connection: inout ServerConnection,
        _ body: [UInt8],
        mayHaveBegun: Bool
    ) -> Sotto_V1_Receipt? {
        try? connection.deliver(body, round: Self.round, mayHaveBegun: mayHaveBegun)
    }

    private func body(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 13) } }

    @Test(
        "A short body goes in one piece, a long one in parts of 1 MiB",
        arguments: [1, part - 1, part, part + 1, 3 * part, 3 * part + 17]
    )
    func parts(count: Int) throws {
        let body = body(count)
        let receiver = try receiver()
        var connection = try connection(receiver)
        let receipt = try connection.deliver(body, round: Self.round, mayHaveBegun: false)
        #expect(receipt.bodyHash == Data(SHA256.hash(body)))
        receiver.state.withLock { state in
            #expect(state.received == body)
            #expect(state.requests.allSatisfy { $0.method == "PUT" })
            guard count > Self.part else {
                #expect(state.requests.map(\.range) == [""])
                return
            }
            let expected = stride(from: 0, to: count, by: Self.part).map { first in
                "bytes \(first)-\(min(count, first + Self.part) - 1)/\(count)"
            }
            #expect(state.requests.map(\.range) == expected)
        }
        #expect(receiver.state.withLock { $0.requests.map(\.length).reduce(0, +) } == count)
    }

    /// Each request in turn fails, on its way there or back: then the client asks, and sends only what is missing.
    @Test("After a lost connection the upload goes on where the server says", arguments: 0..<4, [false, true])
    func resumes(ordinal: Int, losesReply: Bool) throws {
        let count = 3 * Self.part + 100
        let body = body(count)
        let receiver = try receiver { ($0 == ordinal && !losesReply, $0 == ordinal && losesReply) }
        var connection = try connection(receiver)
        var receipt = delivered(&connection, body, mayHaveBegun: false)
        #expect(receipt == nil)
        receipt = delivered(&connection, body, mayHaveBegun: true)
        #expect(receipt?.bodyHash == Data(SHA256.hash(body)))
        receiver.state.withLock { state in
            #expect(state.received == body)
            let puts = state.requests.filter { $0.method == "PUT" }
            #expect(state.requests.count - puts.count == 1)
            // Beyond the one that failed, nothing is sent twice; where only the receipt was lost, the last part brings it.
            let isLast = ordinal == 3
            #expect(puts.count == (losesReply && !isLast ? 4 : 5))
            let sent = puts.map(\.length).reduce(0, +)
            #expect(sent == count + (losesReply ? (isLast ? 100 : 0) : puts[ordinal].length))
        }
    }

    @Test("A server that has lost the parts gets all of them again")
    func lostParts() throws {
        let body = body(2 * Self.part + 5)
        let receiver = try receiver { ($0 == 2, false) }
        var connection = try connection(receiver)
        #expect(throws: CallError.self) { try connection.deliver(body, round: Self.round, mayHaveBegun: false) }
        receiver.state.withLock { $0.received = [] }
        _ = try connection.deliver(body, round: Self.round, mayHaveBegun: true)
        receiver.state.withLock { state in
            #expect(state.received == body)
            #expect(state.requests.count == 3 + 1 + 3)
        }
    }

    @Test("Progress that does not advance ends the try instead of repeating it for ever")
    func noProgress() throws {
        struct Stuck: Transport {
            func send(_ request: TransportRequest) throws(TransportError) -> TransportReply {
                var progress = Sotto_V1_UploadProgress()
                progress.received = .max
                return TransportReply(status: request.method == "PUT" ? 202 : 200, body: progress.wireBytes())
            }
        }
        var connection = ServerConnection(
            transport: Stuck(),
            key: Ed25519PrivateKey(),
            serverKeys: try PinnedKeys(publicKey: Ed25519PrivateKey().publicKey.bytes),
            client: "c",
            clock: WallClock.milliseconds
        )
        for mayHaveBegun in [false, true] {
            #expect(throws: CallError.self) {
                try connection.deliver(
                    [UInt8](repeating: 1, count: 3 << 20),
                    round: Self.round,
                    mayHaveBegun: mayHaveBegun
                )
            }
        }
    }
}
