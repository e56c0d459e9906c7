// SPDX-License-Identifier: Apache-2.0

/// How many updates of this client the server has accepted, ever, as the client itself knows: a pure value, written to disk
/// together with the journal.
///
/// The server puts its own count into each signed assignment and receipt. The two differ exactly when another process
/// delivers under the same identity, or when one side was put back to an earlier state: then this client must not draw
/// anything, because two processes that go on from one state answer one round with two vectors.
///
/// One update may be in doubt: bytes have left, and no receipt has come. The next assignment settles it, and until then no
/// other update can leave, so there is never more than one.
package struct ReceiptCount: Hashable, Sendable {
    /// Updates that the server is known to have accepted; 0 with a server that does not count.
    package private(set) var known: UInt64
    /// Whether it may have accepted one more.
    package private(set) var isUnconfirmed: Bool

    package init(known: UInt64 = 0, isUnconfirmed: Bool = false) {
        self.known = known
        self.isUnconfirmed = isUnconfirmed
    }

    /// Before the first byte of an update leaves.
    package mutating func updateMayLeave() { isUnconfirmed = true }

    /// The server has said that it did not take the update and will not.
    package mutating func updateWasRefused() { isUnconfirmed = false }

    /// Takes over the count of a receipt for the update that has left.
    ///
    /// - Returns: whether it is what this device expects: one more than it knew, or still 0 of a server that does not count.
    package mutating func received(_ count: UInt64) -> Bool {
        guard isOneMore(count) || (count == 0 && known == 0) else { return false }
        self = ReceiptCount(known: count)
        return true
    }

    /// Takes over the count of an assignment.
    ///
    /// - Returns: whether it is what this device expects: what it knew, or one more where an update is in doubt.
    package mutating func assigned(_ count: UInt64) -> Bool {
        guard count == known || (isUnconfirmed && isOneMore(count)) else { return false }
        self = ReceiptCount(known: count)
        return true
    }

    private func isOneMore(_ count: UInt64) -> Bool { count > known && count - known == 1 }
}
