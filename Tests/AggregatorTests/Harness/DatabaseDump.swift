// SPDX-License-Identifier: Apache-2.0

import Cryptography
import GRDB
import Messages

/// Every row of every table but those that note who asked and who looks after what, as text; long values by their hash.
func databaseDump(_ path: String) throws -> [String] {
    let queue = try DatabaseQueue(path: path)
    return try queue.read { database in
        let tables = try String.fetchAll(
            database,
            sql: """
                SELECT name FROM sqlite_master WHERE type = 'table'
                    AND name NOT IN ('nonces', 'waiting', 'leases') ORDER BY name
                """
        )
        return try tables.flatMap { table in
            try Row.fetchAll(database, sql: "SELECT * FROM \(table)").map { row in
                let values = row.map { column, value in "\(column)=\(text(of: value))" }
                return "\(table): \(values.joined(separator: " "))"
            }
            .sorted()
        }
    }
}

private func text(of value: DatabaseValue) -> String {
    switch value.storage {
    case .blob(let data): Hexadecimal.text(SHA256.hash([UInt8](data)))
    case .string(let text): text
    case .int64(let number): "\(number)"
    case .double(let number): "\(number)"
    case .null: "null"
    }
}
