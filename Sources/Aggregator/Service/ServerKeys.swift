// SPDX-License-Identifier: Apache-2.0

package import Cryptography
internal import Files

/// The server's two long-lived secrets: the key that signs its word, and the key under which the store keeps what must
/// outlive the process (round keys, partial sums).
///
/// They lie in one file of the state folder, readable by its owner alone, and are made on first use.
package final class ServerKeys: Sendable {
    package let signing: Ed25519PrivateKey
    private let storage: SecretBytes

    package init(stateFolder: String) throws(AggregatorError) {
        let path = stateFolder + "/server.key"
        do {
            try DurableFile.makeFolder(stateFolder)
            if try !DurableFile.exists(path) {
                // Several processes may start on a new folder at once; the first one's key stays.
                _ = try ChecksummedFile.create(SystemRandom.bytes(64), at: path)
            }
            guard let bytes = try ChecksummedFile.read(path), bytes.count == 64 else {
                throw FileError(path: path, reason: "is not a server key; restore it from a backup")
            }
            signing = try Ed25519PrivateKey(seed: bytes.span.extracting(0..<32))
            storage = SecretBytes(copying: bytes.span.extracting(32..<64))
        } catch {
            throw .failure("\(error)")
        }
    }

    /// SHA-256 of the public key: what invites pin.
    package var publicKeyHash: [UInt8] { SHA256.hash(signing.publicKey.bytes) }

    /// Seals something for the store. `context` says what it is; it must be the same when it is opened.
    package func seal(_ secret: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        let nonce = SystemRandom.bytes(AES256GCM.nonceLength)
        return try nonce
            + AES256GCM.seal(plaintext: secret, key: storage, nonce: nonce, associatedData: Array(context.utf8))
    }

    package func open(_ sealed: [UInt8], context: String) throws(CryptographyError) -> [UInt8] {
        try AES256GCM.open(
            Array(sealed.dropFirst(AES256GCM.nonceLength)),
            key: storage,
            nonce: Array(sealed.prefix(AES256GCM.nonceLength)),
            associatedData: Array(context.utf8)
        )
    }
}
