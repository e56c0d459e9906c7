// SPDX-License-Identifier: Apache-2.0

package import Rounds

/// Uploads that come in parts, kept until the last one is there; any server of the database can take any part.
extension StoreSession {
    /// The bytes that are there of a client's upload, from the first on without a gap.
    package func receivedBytes(of client: String, in round: RoundIdentifier) throws(StoreError) -> Int {
        var received = 0
        for part in try parts(of: client, in: round, "LENGTH(bytes)") where try part.int(0) == received {
            received += try part.int(1)
        }
        return received
    }

    /// Keeps a part. A part that begins where another one did replaces it.
    ///
    /// - Parameters:
    ///   - first: the place of its first byte in the whole.
    ///   - total: bytes of the whole.
    package func addPart(
        _ bytes: [UInt8],
        first: Int,
        total: Int,
        of client: String,
        in round: RoundIdentifier
    ) throws(StoreError) {
        try execute(
            """
            INSERT INTO upload_parts (client, task, round, attempt, first_byte, total, bytes)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (task, round, attempt, client, first_byte) DO UPDATE SET total = excluded.total,
                bytes = excluded.bytes
            """,
            client,
            round.task,
            round.round,
            round.attempt,
            first,
            total,
            bytes
        )
    }

    /// The parts of an upload, joined.
    package func joinedParts(of client: String, in round: RoundIdentifier) throws(StoreError) -> [UInt8] {
        var whole: [UInt8] = []
        for part in try parts(of: client, in: round, "bytes") where try part.int(0) == whole.count {
            whole += try part.bytes(1)
        }
        return whole
    }

    /// Forgets the parts of an upload.
    package func removeParts(of client: String, in round: RoundIdentifier) throws(StoreError) {
        try execute(
            "DELETE FROM upload_parts WHERE client = ? AND task = ? AND round = ? AND attempt = ?",
            client,
            round.task,
            round.round,
            round.attempt
        )
    }

    private func parts(
        of client: String,
        in round: RoundIdentifier,
        _ what: String
    ) throws(StoreError) -> [SQLRow] {
        try rows(
            """
            SELECT first_byte, \(what) FROM upload_parts
            WHERE client = ? AND task = ? AND round = ? AND attempt = ? ORDER BY first_byte
            """,
            client,
            round.task,
            round.round,
            round.attempt
        )
    }
}
