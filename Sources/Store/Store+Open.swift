// SPDX-License-Identifier: Apache-2.0

extension Store {
    /// Opens a database, makes its tables where it has none, and brings older ones up to date.
    ///
    /// - Throws: ``StoreError/database(_:)`` when it cannot be opened.
    package convenience init(
        _ address: DatabaseAddress,
        settings: PostgreSQLSettings = PostgreSQLSettings()
    ) throws(StoreError) {
        switch address {
        case .sqlite(let path): self.init(try SQLiteDriver(path: path))
        case .postgreSQL(let url): self.init(try PostgreSQLDriver(PostgreSQLAddress(url), settings: settings))
        }
    }

    /// Opens the database that an operator names: `sqlite:FILE`, or a URL `postgres://…` of libpq's.
    ///
    /// - Throws: ``StoreError/database(_:)`` when it is none of these or cannot be opened.
    package convenience init(
        opening name: String,
        settings: PostgreSQLSettings = PostgreSQLSettings()
    ) throws(StoreError) {
        guard let address = DatabaseAddress(name) else {
            // What was given may hold a password.
            throw .database("database: should be sqlite:FILE or postgres://USER@HOST/DATABASE")
        }
        try self.init(address, settings: settings)
    }
}
