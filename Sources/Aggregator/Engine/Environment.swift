// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Logging
internal import Rounds
internal import Store

/// What all parts of one server process share.
struct Environment: Sendable {
    let configuration: ServerConfiguration
    let store: Store
    let keys: ServerKeys
    let logger: Logger
    /// Milliseconds since 1970.
    let clock: @Sendable () -> UInt64
    /// Threads for evaluation.
    let workers: Int
    /// Names this process among the servers of the database; made anew at every start.
    let worker: String
    /// For how long a lease is taken.
    let leaseMilliseconds: UInt64

    func waitingHorizon(_ now: UInt64) -> UInt64 {
        configuration.waitingHorizon(now)
    }

    func token() -> [UInt8] { SystemRandom.bytes(16) }
}

extension ServerConfiguration {
    /// Whoever is said to come back later than anybody is told to was noted by a clock that has been put back since, and
    /// may be gone; a client that is not asks again.
    func waitingHorizon(_ now: UInt64) -> UInt64 { now + pace.patience(after: pace.longestMilliseconds) }
}
