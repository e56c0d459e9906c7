// SPDX-License-Identifier: Apache-2.0

import Cryptography
import TestKit
import Testing

@Suite struct DigestTests {
    /// The examples of FIPS 180-4 (NIST, "SHA256.pdf" and "SHA2_Additional.pdf").
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func sha256(message: String, digest: String) {
        #expect(SHA256.hash(Array(message.utf8)) == bytes(hex: digest))
    }

    @Test func aMillionLettersInPieces() {
        var hasher = SHA256Hasher()
        for length in [0, 1, 63, 64, 65, 999_807] {
            hasher.update([UInt8](repeating: UInt8(ascii: "a"), count: length))
        }
        #expect(
            hasher.finalize() == bytes(hex: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        )
    }

    /// RFC 5869, appendix A, cases 1 to 3.
    @Test(arguments: [
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ),
        (
            hexRange(0x00, 0x4f), hexRange(0x60, 0xaf), hexRange(0xb0, 0xff),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                + "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
        (
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        ),
    ])
    func hkdf(material: String, salt: String, info: String, key: String, output: String) throws {
        let extracted = HKDF.extract(
            salt: bytes(hex: salt),
            inputKeyMaterial: SecretBytes(copying: bytes(hex: material))
        )
        #expect(extracted.copied() == bytes(hex: key))
        let expanded = try HKDF.expand(extracted, info: bytes(hex: info), count: output.utf8.count / 2)
        #expect(expanded.copied() == bytes(hex: output))
    }

    @Test func hkdfLimits() throws {
        let key = SecretBytes(count: 32)
        #expect(try HKDF.expand(key, info: [], count: 0).count == 0)
        #expect(try HKDF.expand(key, info: [], count: 8160).count == 8160)
        #expect(throws: CryptographyError.tooLong(what: "HKDF output", limit: 8160, actual: 8161)) {
            _ = try HKDF.expand(key, info: [], count: 8161)
        }
        #expect(throws: CryptographyError.truncated(what: "HKDF pseudorandom key", minimum: 32, actual: 31)) {
            _ = try HKDF.expand(SecretBytes(count: 31), info: [], count: 1)
        }
    }

    @Test func comparison() {
        #expect(constantTimeEqual([], []))
        #expect(constantTimeEqual([1, 2], [1, 2]))
        #expect(!constantTimeEqual([1, 2], [1, 3]))
        #expect(!constantTimeEqual([1, 2], [1, 2, 0]))
    }
}

private func hexRange(_ first: UInt8, _ last: UInt8) -> String {
    (first...last).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
