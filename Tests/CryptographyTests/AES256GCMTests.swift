// SPDX-License-Identifier: Apache-2.0

import Cryptography
import TestKit
import Testing

@Suite struct AES256GCMTests {
    private struct Vector: Decodable {
        let tcId: Int
        let comment: String
        let key: String
        let iv: String
        let aad: String
        let msg: String
        let ct: String
        let tag: String
        let result: String
    }

    @Test func wycheproof() throws {
        for vector in try fixture("cryptography/aes256gcm_wycheproof.json", as: [Vector].self) {
            let key = SecretBytes(copying: bytes(hex: vector.key))
            let nonce = bytes(hex: vector.iv)
            let data = bytes(hex: vector.aad)
            let message = bytes(hex: vector.msg)
            let sealed = bytes(hex: vector.ct + vector.tag)
            if vector.result == "valid" {
                let made = try AES256GCM.seal(plaintext: message, key: key, nonce: nonce, associatedData: data)
                #expect(made == sealed, "test \(vector.tcId)")
                let opened = try AES256GCM.open(sealed, key: key, nonce: nonce, associatedData: data)
                #expect(opened == message, "test \(vector.tcId)")
            } else {
                #expect(throws: CryptographyError.authenticationFailed, "test \(vector.tcId): \(vector.comment)") {
                    _ = try AES256GCM.open(sealed, key: key, nonce: nonce, associatedData: data)
                }
            }
        }
    }

    @Test func everyChangeIsRefused() throws {
        let key = SecretBytes.random(count: 32)
        let nonce = SystemRandom.bytes(12)
        let sealed = try AES256GCM.seal(plaintext: Array(0..<40), key: key, nonce: nonce, associatedData: [7, 8])
        #expect(sealed.count == 56)
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: CryptographyError.authenticationFailed) {
                _ = try AES256GCM.open(changed, key: key, nonce: nonce, associatedData: [7, 8])
            }
        }
        for count in 16..<sealed.count {
            #expect(throws: CryptographyError.authenticationFailed) {
                _ = try AES256GCM.open(Array(sealed[..<count]), key: key, nonce: nonce, associatedData: [7, 8])
            }
        }
        #expect(throws: CryptographyError.truncated(what: "AES-256-GCM ciphertext", minimum: 16, actual: 15)) {
            _ = try AES256GCM.open(Array(sealed[..<15]), key: key, nonce: nonce, associatedData: [7, 8])
        }
        for data in [[], [7], [7, 9], [7, 8, 0]] as [[UInt8]] {
            #expect(throws: CryptographyError.authenticationFailed) {
                _ = try AES256GCM.open(sealed, key: key, nonce: nonce, associatedData: data)
            }
        }
        #expect(throws: CryptographyError.authenticationFailed) {
            _ = try AES256GCM.open(sealed, key: .random(count: 32), nonce: nonce, associatedData: [7, 8])
        }
    }

    @Test(arguments: [0, 16, 31, 33])
    func keysOfOtherLengths(count: Int) {
        let expected = CryptographyError.wrongLength(of: "AES-256-GCM key", expected: 32, actual: count)
        #expect(throws: expected) {
            let key = SecretBytes(count: count)
            _ = try AES256GCM.seal(plaintext: [], key: key, nonce: SystemRandom.bytes(12), associatedData: [])
        }
        #expect(throws: expected) {
            let key = SecretBytes(count: count)
            _ = try AES256GCM.open(SystemRandom.bytes(20), key: key, nonce: SystemRandom.bytes(12), associatedData: [])
        }
    }

    @Test(arguments: [0, 11, 13])
    func noncesOfOtherLengths(count: Int) {
        #expect(throws: CryptographyError.wrongLength(of: "AES-256-GCM nonce", expected: 12, actual: count)) {
            let key = SecretBytes(count: 32)
            _ = try AES256GCM.seal(plaintext: [], key: key, nonce: SystemRandom.bytes(count), associatedData: [])
        }
    }
}
