// SPDX-License-Identifier: Apache-2.0

import Cryptography
import FoundationEssentials
import Messages
import Testing

@Suite("Signatures")
struct SigningTests {
    static let request = RequestSignature(
        method: "PUT",
        target: "/v1/tasks/t/rounds/1/attempts/2/update",
        range: "bytes 0-1/2",
        bodyHash: [UInt8](repeating: 1, count: 32),
        server: [UInt8](repeating: 2, count: 32),
        client: "c-7",
        time: 0x0102_0304_0506_0708,
        nonce: [UInt8](repeating: 3, count: 16)
    )

    static func request(
        method: String = request.method,
        target: String = request.target,
        range: String = request.range,
        bodyHash: [UInt8] = request.bodyHash,
        server: [UInt8] = request.server,
        client: String = request.client,
        time: UInt64 = request.time,
        nonce: [UInt8] = request.nonce
    ) -> RequestSignature {
        RequestSignature(
            method: method,
            target: target,
            range: range,
            bodyHash: bodyHash,
            server: server,
            client: client,
            time: time,
            nonce: nonce
        )
    }

    @Test("The signed text is the version and each field behind its length")
    func layout() {
        var expected = Array("sotto/1 request".utf8)
        expected += [0, 0, 0, 3] + Array("PUT".utf8)
        expected += [0, 0, 0, 38] + Array("/v1/tasks/t/rounds/1/attempts/2/update".utf8)
        expected += [0, 0, 0, 11] + Array("bytes 0-1/2".utf8)
        expected += [0, 0, 0, 32] + [UInt8](repeating: 1, count: 32)
        expected += [0, 0, 0, 32] + [UInt8](repeating: 2, count: 32)
        expected += [0, 0, 0, 3] + Array("c-7".utf8)
        expected += [0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]
        expected += [0, 0, 0, 16] + [UInt8](repeating: 3, count: 16)
        #expect(Self.request.signedBytes == expected)
    }

    @Test("A change of any field makes the signature invalid")
    func everyField() {
        let key = Ed25519PrivateKey()
        let signature = key.sign(Self.request.signedBytes)
        #expect(key.publicKey.verifies(signature: signature, of: Self.request.signedBytes))
        let others = [
            Self.request(method: "POST"), Self.request(target: "/v1/tasks/t/rounds/1/attempts/3/update"),
            Self.request(target: Self.request.target + "?x"), Self.request(range: ""),
            Self.request(bodyHash: [UInt8](repeating: 1, count: 31) + [0]),
            Self.request(server: [UInt8](repeating: 2, count: 31) + [0]), Self.request(client: "c-8"),
            Self.request(time: Self.request.time + 1), Self.request(nonce: [UInt8](repeating: 3, count: 15) + [0]),
        ]
        for other in others {
            #expect(!key.publicKey.verifies(signature: signature, of: other.signedBytes), "\(other)")
        }
        #expect(!Ed25519PrivateKey().publicKey.verifies(signature: signature, of: Self.request.signedBytes))
    }

    @Test("No two requests share a signed text, however their fields run into each other")
    func injective() {
        let texts = ["", "a", "aa", "GET", "\0\0\0\u{1}a"]
        let blobs: [[UInt8]] = [[], [0, 0, 0, 1, 97], [97]]
        var seen: [[UInt8]: RequestSignature] = [:]
        for method in texts {
            for target in texts {
                for range in texts {
                    for client in texts {
                        for bodyHash in blobs {
                            for server in blobs {
                                for nonce in blobs {
                                    let request = Self.request(
                                        method: method,
                                        target: target,
                                        range: range,
                                        bodyHash: bodyHash,
                                        server: server,
                                        client: client,
                                        nonce: nonce
                                    )
                                    let other = seen.updateValue(request, forKey: request.signedBytes)
                                    #expect(other == nil, "\(request)")
                                }
                            }
                        }
                    }
                }
            }
        }
        #expect(seen.count == 625 * 27)
    }

    static let kinds: [Sotto_V1_Signed.Kind] = [.enrolment, .assignment, .receipt]

    @Test("A signed message is good for its kind, its bytes and its key only", arguments: kinds)
    func signed(kind: Sotto_V1_Signed.Kind) throws {
        let key = Ed25519PrivateKey()
        let body = Array("the body".utf8)
        let signed = Sotto_V1_Signed(kind, body: body, key: key)
        let read = try Sotto_V1_Signed(wire: signed.wireBytes(), what: "signed")
        #expect(try read.verified(kind, by: key.publicKey) == body)

        for other in Self.kinds where other != kind {
            #expect(throws: WireError.self) { try read.verified(other, by: key.publicKey) }
        }
        #expect(throws: WireError.self) { try read.verified(kind, by: Ed25519PrivateKey().publicKey) }
        for index in body.indices {
            var changed = read
            changed.body[changed.body.startIndex + index] ^= 1
            #expect(throws: WireError.self) { try changed.verified(kind, by: key.publicKey) }
        }
        for count in [0, 1, 63] {
            var changed = read
            changed.signature = changed.signature.prefix(count)
            #expect(throws: WireError.self) { try changed.verified(kind, by: key.publicKey) }
        }
    }

    @Test("A signed text names its kind before a line break, so a body cannot continue it")
    func kindText() throws {
        let key = Ed25519PrivateKey()
        for kind in Self.kinds {
            let signed = Sotto_V1_Signed(kind, body: [7], key: key)
            let text = Array("sotto/1 \(kind.rawValue)\n".utf8) + [7]
            #expect(key.publicKey.verifies(signature: signed.signature.byteArray, of: text))
        }
    }

    @Test("A server's word is no client's request")
    func requestIsNoMessage() {
        let text = Self.request.signedBytes
        for kind in Self.kinds {
            #expect(!text.starts(with: Array("sotto/1 \(kind.rawValue)\n".utf8)))
        }
    }
}
