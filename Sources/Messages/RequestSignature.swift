// SPDX-License-Identifier: Apache-2.0

package import Cryptography
internal import FoundationEssentials

/// How a client signs a request, so that it can be neither changed, nor sent to another server, nor sent twice.
///
/// The signature (Ed25519) covers the protocol version, method, hash of the server's key, full path with query, content
/// range, SHA-256 of the body, client, time and nonce, each with its length, so that no two requests share a signed
/// text. A retry carries a fresh nonce.
package struct RequestSignature: Hashable, Sendable {
    /// Requests whose time differs by more from the server's clock are refused.
    package static let windowMilliseconds: UInt64 = 300_000

    package static let clientHeader = "sotto-client"
    package static let timeHeader = "sotto-time"
    package static let nonceHeader = "sotto-nonce"
    package static let signatureHeader = "sotto-signature"

    package let method: String
    /// Path with query, as it stands in the request line.
    package let target: String
    /// Value of the Range or Content-Range header, or empty.
    package let range: String
    package let bodyHash: [UInt8]
    /// SHA-256 of the server's public key.
    package let server: [UInt8]
    package let client: String
    /// Milliseconds since 1970.
    package let time: UInt64
    /// 16 random bytes.
    package let nonce: [UInt8]

    package init(
        method: String,
        target: String,
        range: String,
        bodyHash: [UInt8],
        server: [UInt8],
        client: String,
        time: UInt64,
        nonce: [UInt8]
    ) {
        self.method = method
        self.target = target
        self.range = range
        self.bodyHash = bodyHash
        self.server = server
        self.client = client
        self.time = time
        self.nonce = nonce
    }

    /// The text that is signed: `sotto/1 request`, then each field behind its length in four big-endian bytes.
    package var signedBytes: [UInt8] {
        var text = Array("sotto/1 request".utf8)
        let time = (0..<8).map { UInt8(truncatingIfNeeded: self.time >> (56 - 8 * UInt64($0))) }
        for field in [
            Array(method.utf8), Array(target.utf8), Array(range.utf8), bodyHash, server, Array(client.utf8), time,
            nonce,
        ] {
            text += (0..<4).map { UInt8(truncatingIfNeeded: field.count >> (24 - 8 * $0)) }
            text += field
        }
        return text
    }
}

/// Signing and checking the messages that bear the server's word.
extension Sotto_V1_Signed {
    /// What a signature is for, so that one kind can never be taken for another.
    package enum Kind: String, Sendable {
        case enrolment
        case assignment
        case receipt
        case key
    }

    private static func text(_ kind: Kind, _ body: [UInt8]) -> [UInt8] {
        Array("sotto/1 \(kind.rawValue)\n".utf8) + body
    }

    package init(_ kind: Kind, body: [UInt8], key: borrowing Ed25519PrivateKey) {
        self.init()
        self.body = .init(body)
        self.signature = .init(key.sign(Self.text(kind, body)))
    }

    /// The body, when the signature is `key`'s for this kind.
    ///
    /// - Throws: ``WireError`` when it is not.
    package func verified(_ kind: Kind, by key: Ed25519PublicKey) throws(WireError) -> [UInt8] {
        guard key.verifies(signature: signature.byteArray, of: Self.text(kind, body.byteArray)) else {
            throw WireError("\(kind.rawValue): is not signed by the server whose key this client pinned")
        }
        return body.byteArray
    }
}
