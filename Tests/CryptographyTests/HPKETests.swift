// SPDX-License-Identifier: Apache-2.0

import Cryptography
import TestKit
import Testing

@Suite struct HPKETests {
    private struct Published: Decodable {
        struct Encryption: Decodable {
            let aad: String
            let ct: String
            let nonce: String
            let pt: String
        }

        let info: String
        let skRm: String
        let skEm: String
        let pkRm: String
        let enc: String
        let key: String
        let base_nonce: String
        let exporter_secret: String
        let encryptions: [Encryption]
    }

    private struct Message: Decodable {
        let privateKey: String
        let info: String
        let associatedData: String
        let encapsulatedKey: String
        let ciphertext: String
        let plaintext: String
    }

    @Test func publishedVector() throws {
        let vector = try fixture("cryptography/hpke_rfc9180.json", as: Published.self)
        let ephemeral = try X25519PrivateKey(bytes: bytes(hex: vector.skEm))
        let recipient = try X25519PrivateKey(bytes: bytes(hex: vector.skRm))
        #expect(recipient.publicKey == bytes(hex: vector.pkRm))
        #expect(ephemeral.publicKey == bytes(hex: vector.enc))
        let context = try HPKEContext(
            diffieHellman: ephemeral.sharedSecret(with: recipient.publicKey),
            encapsulatedKey: ephemeral.publicKey,
            recipient: recipient.publicKey,
            info: bytes(hex: vector.info)
        )
        #expect(context.key.copied() == bytes(hex: vector.key))
        #expect(context.baseNonce == bytes(hex: vector.base_nonce))
        #expect(context.exporterSecret.copied() == bytes(hex: vector.exporter_secret))

        let encryption = try #require(vector.encryptions.first)
        let sealed = try HPKE.seal(
            bytes(hex: encryption.pt),
            to: recipient.publicKey,
            info: bytes(hex: vector.info),
            associatedData: bytes(hex: encryption.aad),
            insecureEphemeral: ephemeral
        )
        #expect(
            sealed == HPKESealed(encapsulatedKey: bytes(hex: vector.enc), ciphertext: bytes(hex: encryption.ct))
        )
        let opened = try HPKE.open(
            sealed,
            with: recipient,
            info: bytes(hex: vector.info),
            associatedData: bytes(hex: encryption.aad)
        )
        #expect(opened == bytes(hex: encryption.pt))
    }

    @Test func messagesOfAnotherImplementation() throws {
        for message in try fixture("cryptography/hpke_second_implementation.json", as: [Message].self) {
            let sealed = HPKESealed(
                encapsulatedKey: bytes(hex: message.encapsulatedKey),
                ciphertext: bytes(hex: message.ciphertext)
            )
            let opened = try HPKE.open(
                sealed,
                with: X25519PrivateKey(bytes: bytes(hex: message.privateKey)),
                info: bytes(hex: message.info),
                associatedData: bytes(hex: message.associatedData)
            )
            #expect(opened == bytes(hex: message.plaintext))
        }
    }

    @Test func everyMessageHasItsOwnKey() throws {
        let recipient = X25519PrivateKey()
        let first = try HPKE.seal([1, 2, 3], to: recipient.publicKey, info: [4], associatedData: [5])
        let second = try HPKE.seal([1, 2, 3], to: recipient.publicKey, info: [4], associatedData: [5])
        #expect(first.encapsulatedKey != second.encapsulatedKey)
        #expect(first.ciphertext != second.ciphertext)
        #expect(try HPKE.open(first, with: recipient, info: [4], associatedData: [5]) == [1, 2, 3])
    }

    @Test func everyDifferenceIsRefused() throws {
        let recipient = X25519PrivateKey()
        let sealed = try HPKE.seal([1, 2, 3], to: recipient.publicKey, info: [4], associatedData: [5])
        func refuses(_ sealed: HPKESealed, info: [UInt8] = [4], data: [UInt8] = [5], _ error: CryptographyError) {
            #expect(throws: error) { _ = try HPKE.open(sealed, with: recipient, info: info, associatedData: data) }
        }
        refuses(sealed, info: [], .authenticationFailed)
        refuses(sealed, data: [], .authenticationFailed)
        #expect(throws: CryptographyError.authenticationFailed) {
            _ = try HPKE.open(sealed, with: X25519PrivateKey(), info: [4], associatedData: [5])
        }
        let key = sealed.encapsulatedKey
        for index in sealed.ciphertext.indices {
            var changed = sealed.ciphertext
            changed[index] ^= 0x80
            refuses(HPKESealed(encapsulatedKey: key, ciphertext: changed), .authenticationFailed)
        }
        refuses(
            HPKESealed(encapsulatedKey: key, ciphertext: Array(sealed.ciphertext.dropLast())),
            .authenticationFailed
        )
        refuses(
            HPKESealed(encapsulatedKey: key, ciphertext: Array(sealed.ciphertext[..<15])),
            .truncated(what: "AES-256-GCM ciphertext", minimum: 16, actual: 15)
        )
        refuses(
            HPKESealed(encapsulatedKey: Array(key.dropLast()), ciphertext: sealed.ciphertext),
            .wrongLength(of: "X25519 public key", expected: 32, actual: 31)
        )
        refuses(
            HPKESealed(encapsulatedKey: [UInt8](repeating: 0, count: 32), ciphertext: sealed.ciphertext),
            .degenerateSharedSecret
        )
        #expect(throws: CryptographyError.degenerateSharedSecret) {
            _ = try HPKE.seal([], to: [1] + [UInt8](repeating: 0, count: 31), info: [], associatedData: [])
        }
    }
}
