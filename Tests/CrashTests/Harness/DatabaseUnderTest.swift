// SPDX-License-Identifier: Apache-2.0

import Store

/// Where the server under test keeps everything; the runs and what must hold after them are the same for all of these.
///
/// Another database is another value: what `sotto-server` is told about it, how a test reads it afterwards, and what of it
/// is disturbed in a run, for example a database server that is killed and started again.
struct DatabaseUnderTest: Sendable, CustomStringConvertible {
    let description: String
    /// Further arguments of every `sotto-server` command, given the server's state folder.
    let arguments: @Sendable (_ stateFolder: String) -> [String]
    let open: @Sendable (_ stateFolder: String) throws -> Store
    let victims: @Sendable () throws -> [any Victim]

    /// The embedded store.
    static let sqlite = DatabaseUnderTest(
        description: "SQLite",
        arguments: { _ in [] },
        open: { try Store(SQLiteDriver(path: $0 + "/sotto.sqlite")) },
        victims: { [] }
    )
}
