// SPDX-License-Identifier: Apache-2.0

import GRDB
import Rounds
import Store
import TestKit
import Testing

@Suite("The embedded store's older files")
struct SQLiteMigrationTests {
    let database: SQLiteTestDatabase

    init() throws {
        database = try SQLiteTestDatabase()
    }

    /// Makes a file as version 1 wrote it: clients `a` and `b`, an invite that is free, a task with a round that was
    /// abandoned and two that were committed, and their ledger.
    private func makeVersion1(open: Bool = false) throws {
        let queue = try DatabaseQueue(path: database.path)
        try queue.write { file in
            try file.execute(sql: Self.version1)
            try file.execute(
                sql: """
                    CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
                    INSERT INTO grdb_migrations VALUES ('1');
                    INSERT INTO invites VALUES (x'01', 'a'), (x'02', 'b'), (x'03', NULL);
                    INSERT INTO clients VALUES ('a', x'0A'), ('b', x'0B');
                    INSERT INTO nonces VALUES ('a', x'77', 5000);
                    INSERT INTO blobs VALUES (x'11', x'AAAA'), (x'22', x'BBBB'), (x'33', x'');
                    INSERT INTO tasks VALUES (4, 't', 'people', x'11', 'paused', 'by hand', 2, x'22', x'0102', 'digits');
                    INSERT INTO tasks VALUES (9, 's', 'people', x'11', 'created', '', 0, x'33', x'', '');
                    INSERT INTO rounds VALUES
                        ('t', 1, 1, 'abandoned', x'33', 'k1', x'05', NULL, NULL, 100, 200, NULL),
                        ('t', 1, 2, 'committed', x'33', 'k2', x'06', NULL, NULL, 300, 400, '\(Self.result(1, 2))'),
                        ('t', 2, 1, 'committed', x'44', 'k3', x'07', NULL, NULL, 500, NULL, '\(Self.result(2, 1))');
                    INSERT INTO members VALUES
                        ('t', 1, 1, 0, 'a'), ('t', 1, 2, 0, 'b'), ('t', 1, 2, 1, 'a'), ('t', 2, 1, 0, 'a');
                    INSERT INTO updates VALUES
                        ('t', 1, 2, 'a', x'E1', x'FF', 1000), ('t', 1, 2, 'b', x'E2', x'FF', 2000),
                        ('t', 2, 1, 'a', x'E3', x'FF', 3000);
                    INSERT INTO ledger VALUES ('people', 0, x'D0'), ('people', 1, x'D1'), ('others', 0, x'C0');
                    """
            )
            if open {
                try file.execute(
                    sql: """
                        INSERT INTO rounds VALUES ('s', 1, 1, 'open', x'33', 'k4', x'08', x'09', NULL, 1, NULL, NULL)
                        """
                )
            }
        }
    }

    private static func result(_ round: Int, _ attempt: Int) -> String {
        """
        {"round":\(round),"attempt":\(attempt),"survivors":2,"accuracy":0.5,"seconds":1.5,"bytesUp":3000}
        """
    }

    @Test("A file of version 1 is brought up to date with all that it knows")
    func version1() throws {
        try makeVersion1()
        // A second time, nothing is left to do.
        for _ in 0..<2 {
            let store = try database.open()
            try store.read { session in
                #expect(try session.tasks().map(\.name) == ["t", "s"])
                let task = TaskRecord(
                    name: "t",
                    population: "people",
                    planHash: [0x11],
                    status: .paused,
                    statusReason: "by hand",
                    round: 2,
                    modelHash: [0x22],
                    optimizerState: [],
                    evaluationData: "digits"
                )
                #expect(try session.task("t") == task)
                #expect(try session.optimizerState(of: "t") == [1, 2])
                #expect(try session.optimizerState(of: "s") == [])
                #expect(try session.blob([0x11]) == [0xAA, 0xAA])
                #expect(try session.blob([0x33]) == [])
                #expect(try session.client("a") == ClientRecord(name: "a", publicKey: [10], enrolledAt: 0, receipts: 0))
                #expect(try session.client("b") == ClientRecord(name: "b", publicKey: [11], enrolledAt: 0, receipts: 0))
                let ledger = try session.ledger(of: "people")
                #expect(ledger.map(\.entry) == [[0xD0], [0xD1]] && ledger.map(\.index) == [0, 1])
                #expect(try session.ledgerHead(of: "others")?.entry == [0xC0])
                #expect(try session.openRounds().isEmpty)
                #expect(try session.results(of: "t").map(\.round) == [1, 2])
                #expect(try session.results(of: "t").map(\.attempt) == [2, 1])
                #expect(try session.results(of: "t").map(\.accuracy) == [0.5, 0.5])
                #expect(try session.lastAttempt(task: "t", round: 1) == 2)
                let round = try #require(try session.round(Samples.round(1, attempt: 2)))
                #expect(round.state == .committed && round.planHash == [0x11] && round.modelHash == [0x33])
                #expect(round.keyID == "k2" && round.publicKey == [6] && round.openedAt == 300)
                #expect(try session.round(Samples.round(1, attempt: 1))?.state == .abandoned)
                #expect(try session.isMember("b", of: Samples.round(1, attempt: 2)))
                let attempts = try session.attempts(of: "t", from: 1)
                #expect(attempts.map(\.members) == [1, 2, 1] && attempts.map(\.accepted) == [0, 2, 2])
                #expect(attempts.map(\.bytesUp) == [0, 3000, 3000] && attempts.map(\.openedAt) == [100, 300, 500])
                #expect(try session.lastEvent() == 0)
                #expect(try session.participation(of: "a", in: "t", exceptRound: 3).count == 2)
                #expect(try session.participation(of: "a", in: "t", exceptRound: 3).lastRound == 2)
                let update = try #require(try session.update(of: "b", in: Samples.round(1, attempt: 2)))
                #expect(update.bodyHash == [0xE2] && update.bytesUp == 2000)
            }
        }
        // It goes on as if it had always been of this version.
        let store = try database.open()
        try store.write { session in
            #expect(try !session.useNonce([0x77], client: "a", expires: 9))
            #expect(try session.enrol(client: "x", publicKey: [10], inviteSecretHash: [1], now: 1) == "a")
            #expect(try session.enrol(client: "c", publicKey: [12], inviteSecretHash: [3], now: 1) == "c")
            try session.createTask(Samples.task("u"), plan: [], model: [])
            #expect(try session.tasks().map(\.name) == ["t", "s", "u"])
            let next = Samples.round(3)
            let entry = LedgerRow(population: "people", index: 2, entry: [UInt8](repeating: 1, count: 40))
            try session.openRound(Samples.record(next), reservation: entry)
            try session.addMember("a", to: next, now: 1)
            let update = try session.accept(
                client: "a",
                bodyHash: [1],
                bytesUp: 1,
                in: next,
                population: "people"
            )
            #expect(update.receipts == 1 && update.ledgerIndex == 3)
        }
        #expect(try store.read { try $0.lastEvent() } > 0)
    }

    @Test("A file of version 1 with an open round is refused, and left alone")
    func openRound() throws {
        try makeVersion1(open: true)
        let error = #expect(throws: StoreError.self) { try SQLiteDriver(path: database.path) }
        #expect(error?.description.hasPrefix(database.path + ": has an open round of an older version") == true)
        let queue = try DatabaseQueue(path: database.path)
        let versions = try queue.read { try String.fetchAll($0, sql: "SELECT identifier FROM grdb_migrations") }
        #expect(versions == ["1"])
        try queue.write { try $0.execute(sql: "UPDATE rounds SET state = 'abandoned' WHERE task = 's'") }
        #expect(try database.open().read { try $0.round(Samples.round(task: "s")) }?.state == .abandoned)
    }

    /// The tables as version 1 made them.
    private static let version1 = """
        CREATE TABLE invites (
            secret_hash BLOB PRIMARY KEY,
            client TEXT
        ) WITHOUT ROWID;

        CREATE TABLE clients (
            name TEXT PRIMARY KEY,
            public_key BLOB NOT NULL UNIQUE
        ) WITHOUT ROWID;

        CREATE TABLE nonces (
            client TEXT NOT NULL,
            nonce BLOB NOT NULL,
            expires INTEGER NOT NULL,
            PRIMARY KEY (client, nonce)
        ) WITHOUT ROWID;
        CREATE INDEX nonces_by_expiry ON nonces (expires);

        CREATE TABLE blobs (
            hash BLOB PRIMARY KEY,
            bytes BLOB NOT NULL
        );

        CREATE TABLE tasks (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            population TEXT NOT NULL,
            plan_hash BLOB NOT NULL,
            status TEXT NOT NULL,
            status_reason TEXT NOT NULL,
            round INTEGER NOT NULL,
            model_hash BLOB NOT NULL,
            optimizer_state BLOB NOT NULL,
            evaluation_data TEXT NOT NULL
        );

        CREATE TABLE rounds (
            task TEXT NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'abandoned')),
            model_hash BLOB NOT NULL,
            key_id TEXT NOT NULL,
            public_key BLOB NOT NULL,
            sealed_private_key BLOB,
            sealed_sum BLOB,
            opened_at INTEGER NOT NULL,
            closes_at INTEGER,
            result TEXT,
            PRIMARY KEY (task, round, attempt)
        ) WITHOUT ROWID;
        CREATE UNIQUE INDEX one_open_round ON rounds (task) WHERE state = 'open';

        CREATE TABLE members (
            task TEXT NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            position INTEGER NOT NULL,
            client TEXT NOT NULL,
            PRIMARY KEY (task, round, attempt, client)
        ) WITHOUT ROWID;

        CREATE TABLE updates (
            task TEXT NOT NULL,
            round INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            client TEXT NOT NULL,
            body_hash BLOB NOT NULL,
            receipt BLOB NOT NULL,
            bytes_up INTEGER NOT NULL,
            PRIMARY KEY (task, round, attempt, client)
        ) WITHOUT ROWID;

        CREATE TABLE ledger (
            population TEXT NOT NULL,
            position INTEGER NOT NULL,
            entry BLOB NOT NULL,
            PRIMARY KEY (population, position)
        ) WITHOUT ROWID;
        """
}
