// SPDX-License-Identifier: Apache-2.0

/// When clients are asked to come back: soon where a round waits for them, seldom where many would come at once or nothing
/// goes on. Bonawitz et al. 2019 ("Towards federated learning at scale"), section 2.3.
package struct PaceSteering: Hashable, Sendable {
    /// The requests for work that a server is to see in a second, all clients together.
    package var requestsPerSecond: Double
    /// The shortest time between two requests of a client.
    package var shortestMilliseconds: UInt64
    /// The longest.
    package var longestMilliseconds: UInt64

    /// - Parameter requestsPerSecond: above 0.
    package init(
        requestsPerSecond: Double = 350,
        shortestMilliseconds: UInt64 = 50,
        longestMilliseconds: UInt64 = 300_000
    ) {
        precondition(requestsPerSecond > 0, "clients are asked to come back some time")
        self.requestsPerSecond = requestsPerSecond
        self.shortestMilliseconds = shortestMilliseconds
        self.longestMilliseconds = longestMilliseconds
    }

    /// Milliseconds until a client should ask again.
    ///
    /// - Parameters:
    ///   - clients: how many come at all.
    ///   - quietMilliseconds: how long ago something last happened in the tasks that the client takes part in; `nil` where
    ///     none of them is running.
    package func pause(clients: Int, quietMilliseconds: UInt64?) -> UInt64 {
        let spread = Double(clients) * 1000 / requestsPerSecond
        // What has been quiet for long may stay so for a tenth longer before anybody looks; a task that is not running is
        // started by a person, who can wait for some seconds.
        let quiet = quietMilliseconds.map { $0 / 10 } ?? 5000
        let wanted = max(UInt64(spread), min(quiet, 10_000), shortestMilliseconds)
        return min(wanted, longestMilliseconds)
    }

    /// For how long a client that was told to come back after a pause counts as waiting.
    package func patience(after pause: UInt64) -> UInt64 { pause + pause / 4 + 10_000 }
}
