// SPDX-License-Identifier: Apache-2.0

import Cryptography
import TestKit
import Testing

@Suite struct X25519Tests {
    private struct Vector: Decodable {
        let tcId: Int
        let comment: String
        let `public`: String
        let `private`: String
        let shared: String
    }

    /// RFC 7748 §5.2: the result of 1 and of 1000 iterations.
    @Test func iterations() throws {
        var scalar = [9] + [UInt8](repeating: 0, count: 31)
        var point = scalar
        for iteration in 1...1000 {
            let result = try X25519PrivateKey(bytes: scalar).sharedSecret(with: point).copied()
            (point, scalar) = (scalar, result)
            if iteration == 1 {
                #expect(
                    scalar == bytes(hex: "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")
                )
            }
        }
        #expect(scalar == bytes(hex: "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"))
    }

    /// Twists, edge cases of the field, non-canonical points; a result of zero is refused.
    @Test func wycheproof() throws {
        var refused = 0
        for vector in try fixture("cryptography/x25519_wycheproof.json", as: [Vector].self) {
            let key = try X25519PrivateKey(bytes: bytes(hex: vector.private))
            let point = bytes(hex: vector.public)
            let shared = bytes(hex: vector.shared)
            if shared.allSatisfy({ $0 == 0 }) {
                refused += 1
                #expect(throws: CryptographyError.degenerateSharedSecret, "test \(vector.tcId)") {
                    _ = try key.sharedSecret(with: point)
                }
            } else {
                #expect(try key.sharedSecret(with: point).copied() == shared, "test \(vector.tcId)")
            }
        }
        #expect(refused > 5)
    }

    @Test func freshKeysAgree() throws {
        let ours = X25519PrivateKey()
        let theirs = X25519PrivateKey()
        let secret = try ours.sharedSecret(with: theirs.publicKey).copied()
        #expect(try theirs.sharedSecret(with: ours.publicKey).copied() == secret)
        let copy = try ours.withBytes { (bytes) throws(CryptographyError) in try X25519PrivateKey(bytes: bytes) }
        #expect(copy.publicKey == ours.publicKey)
    }

    @Test(arguments: [0, 31, 33])
    func wrongLengths(count: Int) {
        let bytes = [UInt8](repeating: 9, count: count)
        #expect(throws: CryptographyError.wrongLength(of: "X25519 private key", expected: 32, actual: count)) {
            _ = try X25519PrivateKey(bytes: bytes)
        }
        #expect(throws: CryptographyError.wrongLength(of: "X25519 public key", expected: 32, actual: count)) {
            _ = try X25519PrivateKey().sharedSecret(with: bytes)
        }
    }
}

@Suite struct Ed25519Tests {
    private struct Vector: Decodable {
        let tcId: Int
        let comment: String
        let publicKey: String
        let msg: String
        let sig: String
        let result: String
    }

    /// RFC 8032 §7.1, tests 1 and 2.
    @Test(arguments: [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                + "d25bf5f0595bbe24655141438e7a100b"
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
                + "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ])
    func publishedSignatures(seed: String, message: String, publicKey: String, signature: String) throws {
        let key = try Ed25519PrivateKey(seed: bytes(hex: seed))
        #expect(key.publicKey.bytes == bytes(hex: publicKey))
        #expect(key.sign(bytes(hex: message)) == bytes(hex: signature))
        #expect(key.publicKey.verifies(signature: bytes(hex: signature), of: bytes(hex: message)))
        let lent = key.withSeed { seed in seed.indices.map { seed[$0] } }
        #expect(lent == bytes(hex: seed))
    }

    /// Among others: signatures whose scalar is not reduced, truncated and extended ones.
    @Test func wycheproof() throws {
        for vector in try fixture("cryptography/ed25519_wycheproof.json", as: [Vector].self) {
            let key = try Ed25519PublicKey(bytes: bytes(hex: vector.publicKey))
            let verified = key.verifies(signature: bytes(hex: vector.sig), of: bytes(hex: vector.msg))
            #expect(verified == (vector.result == "valid"), "test \(vector.tcId): \(vector.comment)")
        }
    }

    @Test func otherMessagesAndKeys() throws {
        let key = Ed25519PrivateKey()
        let message = Array("one".utf8)
        let signature = key.sign(message)
        #expect(key.publicKey.verifies(signature: signature, of: message))
        #expect(!key.publicKey.verifies(signature: signature, of: Array("two".utf8)))
        #expect(!key.publicKey.verifies(signature: [], of: message))
        #expect(!Ed25519PrivateKey().publicKey.verifies(signature: signature, of: message))
        #expect(throws: CryptographyError.wrongLength(of: "Ed25519 private key", expected: 32, actual: 31)) {
            _ = try Ed25519PrivateKey(seed: [UInt8](repeating: 0, count: 31))
        }
        #expect(throws: CryptographyError.wrongLength(of: "Ed25519 public key", expected: 32, actual: 33)) {
            _ = try Ed25519PublicKey(bytes: [UInt8](repeating: 0, count: 33))
        }
        // 2 is not the y of any point of the curve.
        let noPoint = try Ed25519PublicKey(bytes: [2] + [UInt8](repeating: 0, count: 31))
        #expect(!noPoint.verifies(signature: signature, of: message))
    }
}
