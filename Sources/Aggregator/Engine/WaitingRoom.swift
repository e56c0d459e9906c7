// SPDX-License-Identifier: Apache-2.0

/// Who has asked for work lately. A round opens once a whole cohort is there, so that no privacy is reserved for a round
/// that nobody would come to.
struct WaitingRoom {
    /// A client that has not asked for so long is taken to be away.
    static let patienceMilliseconds: UInt64 = 10_000

    private var lastSeen: [String: (time: UInt64, plans: Set<[UInt8]>)] = [:]

    /// - Parameter plans: hashes of the plans that the client has reviewed and accepted.
    mutating func note(_ client: String, accepting plans: Set<[UInt8]>, now: UInt64) {
        lastSeen[client] = (now, plans)
    }

    /// Clients that are there and have accepted the plan.
    mutating func count(accepting plan: [UInt8], now: UInt64) -> Int {
        lastSeen = lastSeen.filter { now < $0.value.time + Self.patienceMilliseconds }
        return lastSeen.values.count { $0.plans.contains(plan) }
    }
}
