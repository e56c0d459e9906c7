// SPDX-License-Identifier: Apache-2.0

package import Cryptography
internal import FoundationEssentials
package import Messages

/// The keys whose word a client takes for the server's: the one that its invite pinned, and those that keys which it knew
/// have vouched for since.
package struct PinnedKeys: Sendable {
    private struct Known {
        let key: Ed25519PublicKey
        /// Milliseconds since 1970.
        var notBefore: UInt64
        /// 0 for no end.
        var notAfter: UInt64

        func isTaken(_ now: UInt64) -> Bool { notAfter == 0 || now < notAfter }
    }

    /// In the order in which they became known; the invite's first.
    private var keys: [Known]

    /// More are not kept, whatever the server says.
    private static let most = 8

    /// - Parameters:
    ///   - publicKey: the first one, which the invite pinned.
    ///   - statements: what is kept of it and of those that followed.
    /// - Throws: ``CryptographyError`` when the first key has not 32 bytes.
    package init(publicKey: [UInt8], statements: [Sotto_V1_KeyStatement] = []) throws(CryptographyError) {
        let stored = statements.first { $0.publicKey.byteArray == publicKey }
        keys = [
            Known(key: try Ed25519PublicKey(bytes: publicKey), notBefore: stored?.notBefore ?? 0, notAfter: 0)
        ]
        for statement in statements.prefix(Self.most) { add(statement) }
    }

    /// The oldest key that is still known: what takes the invite's place on disk.
    package var oldest: Ed25519PublicKey { keys[0].key }

    /// What is kept on disk beside it.
    package var statements: [Sotto_V1_KeyStatement] {
        keys.map { known in
            var statement = Sotto_V1_KeyStatement()
            statement.publicKey = Data(known.key.bytes)
            statement.notBefore = known.notBefore
            statement.notAfter = known.notAfter
            return statement
        }
    }

    /// The key that requests name: the newest that signs by now; when all have ended the newest, for the server to refuse.
    package func current(now: UInt64) -> Ed25519PublicKey {
        let taken = keys.filter { $0.isTaken(now) && $0.notBefore <= now }
        return (taken.max { $0.notBefore < $1.notBefore } ?? keys[keys.count - 1]).key
    }

    /// The body of a message that one of the keys has signed.
    ///
    /// - Throws: ``WireError`` when none has.
    package func verified(
        _ signed: Sotto_V1_Signed,
        _ kind: Sotto_V1_Signed.Kind,
        now: UInt64
    ) throws(WireError) -> [UInt8] {
        for known in keys.reversed() where known.isTaken(now) {
            if let body = try? signed.verified(kind, by: known.key) { return body }
        }
        throw WireError("\(kind.rawValue): is not signed by a server key that this client pinned")
    }

    /// Takes up statements that known keys have signed; others are passed over.
    ///
    /// - Returns: whether anything is new.
    package mutating func learn(_ statements: [Sotto_V1_Signed], now: UInt64) -> Bool {
        let before = self.statements
        for signed in statements.prefix(4 * Self.most) {
            guard let body = try? verified(signed, .key, now: now),
                let statement = try? Sotto_V1_KeyStatement(wire: body, what: "key statement")
            else { continue }
            add(statement)
        }
        // A key that has ended is no use; the last one stays in any case.
        while keys.count > 1, let index = keys.firstIndex(where: { !$0.isTaken(now) }) { keys.remove(at: index) }
        return self.statements != before
    }

    private mutating func add(_ statement: Sotto_V1_KeyStatement) {
        guard let key = try? Ed25519PublicKey(bytes: statement.publicKey.byteArray) else { return }
        if let index = keys.firstIndex(where: { $0.key == key }) {
            // A known key's end can only come nearer.
            let end = statement.notAfter
            if end != 0 { keys[index].notAfter = keys[index].notAfter == 0 ? end : min(keys[index].notAfter, end) }
        } else if keys.count < Self.most {
            keys.append(Known(key: key, notBefore: statement.notBefore, notAfter: statement.notAfter))
        }
    }
}
