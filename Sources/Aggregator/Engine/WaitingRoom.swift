// SPDX-License-Identifier: Apache-2.0

internal import Rounds

/// Who has asked for work lately. A round opens once a whole cohort is there, so that no privacy is reserved for a round
/// that nobody would come to; where members stay away for as long as a round may last, enough survivors are enough.
struct WaitingRoom {
    /// A client that has not asked for so long is taken to be away.
    static let patienceMilliseconds: UInt64 = 10_000

    /// Since when enough survivors of a plan, but no cohort, have been there.
    private var shortSince: [[UInt8]: UInt64] = [:]
    private var lastSeen: [String: (time: UInt64, plans: Set<[UInt8]>)] = [:]

    /// - Parameter plans: hashes of the plans that the client has reviewed and accepted.
    mutating func note(_ client: String, accepting plans: Set<[UInt8]>, now: UInt64) {
        lastSeen[client] = (now, plans)
    }

    /// Whether a round of the plan may open now.
    mutating func isReady(for plan: [UInt8], terms: RoundTerms, now: UInt64) -> Bool {
        let count = count(accepting: plan, now: now)
        guard count < terms.cohort, count >= terms.fewestSurvivors else {
            shortSince[plan] = nil
            return count >= terms.cohort
        }
        let since = shortSince[plan] ?? now
        shortSince[plan] = since
        return now >= since + UInt64(terms.deadlineSeconds) * 1000
    }

    /// Clients that are there and have accepted the plan.
    mutating func count(accepting plan: [UInt8], now: UInt64) -> Int {
        lastSeen = lastSeen.filter { now < $0.value.time + Self.patienceMilliseconds }
        return lastSeen.values.count { $0.plans.contains(plan) }
    }
}
