// SPDX-License-Identifier: Apache-2.0

extension StoreSession {
    /// Takes a lease that nobody holds, whose time is over, or that the same owner holds already.
    ///
    /// - Parameters:
    ///   - token: random bytes, for the case that the owner is new.
    ///   - now: milliseconds since 1970; servers of one database keep their clocks within a fraction of the duration.
    /// - Returns: the lease and, where it was nobody's for a while, since when; `nil` while another owner holds it.
    package func takeLease(
        _ name: String,
        owner: String,
        token: [UInt8],
        now: UInt64,
        milliseconds: UInt64
    ) throws(StoreError) -> (lease: Lease, orphanedSince: UInt64?)? {
        let until = now + milliseconds
        let inserted = try execute(
            "INSERT INTO leases (name, owner, token, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            name,
            owner,
            token,
            until
        )
        if inserted == 1 { return (Lease(name: name, owner: owner, token: token, expiresAt: until), nil) }
        // A holder that is just now renewing, or another one who is faster, has the row locked.
        let row = try row(
            "SELECT owner, token, expires_at FROM leases WHERE name = ?" + dialect.forUpdateSkippingLocked,
            name
        )
        guard let row else { return nil }
        let expired = try row.time(2)
        if try row.text(0) == owner {
            try execute("UPDATE leases SET expires_at = ? WHERE name = ?", until, name)
            return (Lease(name: name, owner: owner, token: try row.bytes(1), expiresAt: until), nil)
        }
        // One that ends later than any can was taken by a clock that has been put back since.
        guard expired < now || expired > now + 100 * milliseconds else { return nil }
        try execute(
            "UPDATE leases SET owner = ?, token = ?, expires_at = ? WHERE name = ?",
            owner,
            token,
            until,
            name
        )
        return (Lease(name: name, owner: owner, token: token, expiresAt: until), min(expired, now))
    }

    /// Makes sure that a lease is still its holder's and stays so until the transaction ends, whatever the clock says.
    ///
    /// - Throws: ``StoreError/conflict(_:)`` when somebody else has taken it.
    package func confirm(_ lease: Lease) throws(StoreError) {
        let row = try row("SELECT token FROM leases WHERE name = ?" + dialect.forShare, lease.name)
        guard let row, try row.bytes(0) == lease.token else {
            throw .conflict("lease \(lease.name): another server has taken it over")
        }
    }

    /// Gives a lease back, so that another server need not wait.
    package func release(_ lease: Lease) throws(StoreError) {
        try execute("DELETE FROM leases WHERE name = ? AND token = ?", lease.name, lease.token)
    }

    /// Ends all leases: for a server that is known to be the only one. Since when they are nobody's stays known.
    package func expireLeases(now: UInt64) throws(StoreError) {
        try execute("UPDATE leases SET expires_at = ? WHERE expires_at >= ?", now - min(now, 1), now)
    }
}
