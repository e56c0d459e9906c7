// SPDX-License-Identifier: Apache-2.0

import Store
import Testing

@Suite("Stores: leases")
struct LeaseConformanceTests {
    static func take(
        _ store: Store,
        _ owner: String,
        now: UInt64,
        token: [UInt8]? = nil
    ) throws -> (lease: Lease, orphanedSince: UInt64?)? {
        try store.write { session in
            try session.takeLease(
                "t",
                owner: owner,
                token: token ?? Array("token of \(owner) at \(now)".utf8),
                now: now,
                milliseconds: 100
            )
        }
    }

    @Test("A lease has one holder, who can renew it; another one gets it after its time", arguments: Backend.all)
    func oneHolder(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (one, other) = (try database.open(), try database.open())
        let first = try #require(try Self.take(one, "one", now: 1000))
        #expect(first.lease.expiresAt == 1100)
        #expect(first.orphanedSince == nil)
        #expect(try Self.take(other, "other", now: 1050) == nil)
        let renewed = try #require(try Self.take(one, "one", now: 1060))
        #expect(renewed.lease.expiresAt == 1160)
        #expect(renewed.lease.token == first.lease.token)
        #expect(renewed.orphanedSince == nil)
        // Held to the end of its last millisecond.
        #expect(try Self.take(other, "other", now: 1160) == nil)
        let second = try #require(try Self.take(other, "other", now: 1161))
        #expect(second.orphanedSince == 1160)
        #expect(second.lease.owner == "other")
        #expect(try Self.take(one, "one", now: 1162) == nil)

        // The earlier holder can neither act nor give away what is not its own any more.
        #expect(throws: StoreError.self) { try one.write { try $0.confirm(renewed.lease) } }
        try one.write { try $0.release(renewed.lease) }
        try other.write { try $0.confirm(second.lease) }
        try other.write { try $0.release(second.lease) }
        #expect(throws: StoreError.self) { try other.write { try $0.confirm(second.lease) } }
        #expect(try Self.take(one, "one", now: 1163)?.orphanedSince == .some(nil))
    }

    @Test("An expired lease that nobody has taken is still its holder's", arguments: Backend.all)
    func expiredButAlone(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        let lease = try #require(try Self.take(store, "one", now: 1000)).lease
        try store.write { try $0.confirm(lease) }
        let later = try #require(try Self.take(store, "one", now: 9000))
        #expect(later.lease.token == lease.token)
        #expect(later.orphanedSince == nil)
    }

    @Test("All leases can be ended, and since when they are nobody's stays known", arguments: Backend.all)
    func void(_ backend: Backend) throws {
        let store = try backend.makeDatabase().open()
        let lease = try #require(try Self.take(store, "one", now: 1000)).lease
        #expect(try Self.take(store, "other", now: 1001) == nil)
        try store.write { try $0.expireLeases(now: 1001) }
        let taken = try #require(try Self.take(store, "other", now: 1500))
        #expect(taken.lease.owner == "other" && taken.orphanedSince == 1000)
        #expect(throws: StoreError.self) { try store.write { try $0.confirm(lease) } }
        // One that was over before stays so.
        try store.write { try $0.expireLeases(now: 1_000_000) }
        #expect(try Self.take(store, "third", now: 1_000_001)?.orphanedSince == taken.lease.expiresAt)
    }

    @Test("Of many at once, one gets it, new or expired", arguments: Backend.all)
    func race(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let stores = try (0..<4).map { _ in try database.open() }
        for now: UInt64 in [1000, 2000, 3000] {
            let holders = Counter()
            try await concurrently(4) { index in
                if try Self.take(stores[index], "\(now) \(index)", now: now) != nil { holders.add() }
            }
            #expect(holders.value == 1)
        }
    }

    @Test("While its holder acts on a lease, nobody takes it, whatever the clock says", arguments: Backend.all)
    func confirmed(_ backend: Backend) async throws {
        let database = try backend.makeDatabase()
        let (one, other) = (try database.open(), try database.open())
        let lease = try #require(try Self.take(one, "one", now: 1000)).lease
        // Both orders are right; what must not be is that the other one has the lease and `one` has acted after it.
        try await concurrently(2) { index in
            if index == 0 {
                try? one.write { session in
                    try session.confirm(lease)
                    _ = try session.setMeta("acted", ifAbsent: try session.meta("taken") ?? [0])
                }
            } else {
                try other.write { session in
                    let token: [UInt8] = [1]
                    if try session.takeLease("t", owner: "other", token: token, now: 5000, milliseconds: 9) != nil {
                        _ = try session.setMeta("taken", ifAbsent: [1])
                    }
                }
            }
        }
        #expect(try one.read { try $0.meta("acted") } != [1])
    }
}
