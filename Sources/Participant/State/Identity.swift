// SPDX-License-Identifier: Apache-2.0

package import Cryptography
internal import FoundationEssentials
package import Messages

/// Who this device is to its server. The seed of its signing key is erased with this value.
package struct Identity: ~Copyable {
    /// Seed of the Ed25519 key that signs requests.
    package let seed: SecretBytes
    /// The name that the server gave; empty until it has.
    package var client = ""
    package var serverPublicKey: [UInt8] = []
    package var serverName = ""
    /// The keys that the server's signed statements named since, beside what is known of the first one.
    package var serverKeys: [Sotto_V1_KeyStatement] = []

    /// A new key, for a device that will enrol.
    package init() {
        seed = .random(count: Ed25519PrivateKey.seedLength)
    }

    init(wire bytes: [UInt8], what: String) throws(WireError) {
        var message = try Sotto_V1_ClientIdentity(wire: bytes, what: what)
        var seed = message.signingSeed.byteArray
        message.signingSeed.resetBytes(in: 0..<message.signingSeed.count)
        defer { cleanse(&seed) }
        guard seed.count == Ed25519PrivateKey.seedLength else {
            throw WireError("\(what): holds no signing key; restore it from a backup, or use a new folder")
        }
        self.seed = SecretBytes(copying: seed)
        client = message.client
        serverPublicKey = message.serverPublicKey.byteArray
        serverName = message.serverName
        serverKeys = message.serverKeys
    }

    /// The stored form; the caller erases it.
    borrowing func wireBytes() -> [UInt8] {
        var message = Sotto_V1_ClientIdentity()
        var seed = seed.copied()
        message.signingSeed = Data(seed)
        cleanse(&seed)
        message.client = client
        message.serverPublicKey = Data(serverPublicKey)
        message.serverName = serverName
        message.serverKeys = serverKeys
        let bytes = message.wireBytes()
        message.signingSeed.resetBytes(in: 0..<message.signingSeed.count)
        return bytes
    }

    /// The key that signs requests.
    package borrowing func signingKey() throws(CryptographyError) -> Ed25519PrivateKey {
        try seed.withSpan { (seed) throws(CryptographyError) in try Ed25519PrivateKey(seed: seed) }
    }
}
