// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Token buckets by key: each fills at a rate up to its burst, and every request takes one token.
///
/// They are of one process and are not stored: several servers each allow the rate.
package final class RateLimiter: Sendable {
    private struct Bucket {
        var tokens: Double
        var at: Double
    }

    /// More keys than this are not kept, whoever sends from how many addresses.
    package static let mostKeys = 100_000

    private let rate: Double
    private let burst: Double
    private let buckets = Mutex<[String: Bucket]>([:])

    /// - Parameters:
    ///   - rate: tokens a second.
    ///   - burst: the most tokens, at least one.
    package init(rate: Double, burst: Double) {
        precondition(rate > 0 && burst >= 1, "a bucket fills and holds a token")
        self.rate = rate
        self.burst = burst
    }

    /// Takes a token.
    ///
    /// - Parameter now: seconds of a clock that never goes back.
    /// - Returns: `nil`, or after how many whole seconds there is one.
    package func take(_ key: String, now: Double) -> Int? { ask(key, now: now, taking: 1) }

    /// The same without taking it.
    package func look(_ key: String, now: Double) -> Int? { ask(key, now: now, taking: 0) }

    private func ask(_ key: String, now: Double, taking count: Double) -> Int? {
        buckets.withLock { buckets in
            var bucket = buckets[key] ?? Bucket(tokens: burst, at: now)
            bucket.tokens = min(burst, bucket.tokens + max(0, now - bucket.at) * rate)
            bucket.at = max(bucket.at, now)
            guard bucket.tokens >= 1 else {
                buckets[key] = bucket
                return max(1, Int(((1 - bucket.tokens) / rate).rounded(.up)))
            }
            bucket.tokens -= count
            if buckets[key] == nil, buckets.count >= Self.mostKeys { forget(&buckets, now: now) }
            buckets[key] = bucket
            return nil
        }
    }

    /// Makes room: buckets that are full again say nothing, and where there are none, all start anew.
    private func forget(_ buckets: inout [String: Bucket], now: Double) {
        buckets = buckets.filter { $0.value.tokens + (now - $0.value.at) * rate < burst }
        if buckets.count >= Self.mostKeys { buckets = [:] }
    }

    package var keys: Int { buckets.withLock { $0.count } }
}

/// The limits of one server process.
struct RequestLimits: Sendable {
    let clients: RateLimiter
    /// By address: requests that nobody's signature or token stands behind.
    let strangers: RateLimiter
    let enrolments: RateLimiter
    private let start = ContinuousClock.now

    init(_ doors: DoorConfiguration) {
        clients = RateLimiter(rate: doors.clientRate, burst: max(1, 10 * doors.clientRate))
        strangers = RateLimiter(rate: doors.strangerRate, burst: max(1, 10 * doors.strangerRate))
        enrolments = RateLimiter(
            rate: doors.enrolmentsPerMinute / 60,
            burst: max(1, doors.enrolmentsPerMinute)
        )
    }

    /// Seconds since the start.
    var now: Double { (ContinuousClock.now - start) / .seconds(1) }

    static func refusal(_ who: String, _ seconds: Int) -> APIError {
        APIError(
            429,
            "\(who): sends more requests than this server allows; wait \(seconds) s",
            headers: [("retry-after", "\(seconds)")]
        )
    }
}

/// The address that a limit is kept for: of IPv6 the first 64 bits, because one subscriber has as many addresses.
package func limitedAddress(_ address: String) -> String {
    guard address.contains(":") else { return address }
    let plain = address.split(separator: "%")[0].lowercased()
    if plain.hasPrefix("::ffff:"), plain.contains(".") { return String(plain.dropFirst(7)) }
    // The groups before "::" are as many as are written.
    let halves = plain.components(separatedBy: "::")
    let head = halves[0].split(separator: ":").map(String.init)
    if head.count >= 4 { return head.prefix(4).joined(separator: ":") + "::/64" }
    guard halves.count == 2 else { return plain }
    let tail = halves[1].split(separator: ":").map(String.init)
    let groups = head + Array(repeating: "0", count: max(0, 8 - head.count - tail.count)) + tail
    return groups.prefix(4).joined(separator: ":") + "::/64"
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        parts.append(String(rest))
        return parts
    }
}
