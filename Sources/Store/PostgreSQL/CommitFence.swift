// SPDX-License-Identifier: Apache-2.0

/// Finds out whether a commit was made whose answer was lost with the connection.
///
/// Every transaction that writes also writes its number into the row of its connection, with the same commit. Whoever asks
/// later reads that number and puts a fence behind it: a commit that is still under way to the server, or waits there, breaks
/// the row's constraint and fails. So the answer stays true, and the transaction can be made again without being made twice.
///
/// PostgreSQL's own `pg_xact_status` would not do: it holds nothing up, and after a crash of the server the number of a
/// transaction of which nothing had reached the disk may be given to another one.
struct CommitFence {
    let connection: String
    private(set) var number = 0

    init() {
        var generator = SystemRandomNumberGenerator()
        let digits = [generator.next(), generator.next()].map { word in
            let text = String(word as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        connection = digits.joined()
    }

    /// The statement that belongs before `COMMIT`.
    mutating func next() -> String {
        number += 1
        return """
            INSERT INTO last_commits (connection, number, at) VALUES ('\(connection)', \(number), now())
            ON CONFLICT (connection) DO UPDATE SET number = excluded.number, at = excluded.at
            """
    }

    /// Asks on another connection whether the last commit was made. While it is being made, this waits.
    func isCommitted(_ other: PostgresConnection) throws(PostgresFailure) -> Bool {
        let last = try other.run(
            """
            INSERT INTO last_commits (connection, number, fence, at) VALUES ('\(connection)', 0, 0, now())
            ON CONFLICT (connection) DO UPDATE SET fence = last_commits.number RETURNING number
            """
        )
        return last.text == "\(number)"
    }

    /// Forgets connections that have long ended.
    static let forget = "DELETE FROM last_commits WHERE at < now() - INTERVAL '1 day'"
}
