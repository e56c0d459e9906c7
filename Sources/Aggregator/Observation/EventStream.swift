// SPDX-License-Identifier: Apache-2.0

/// One listener's stream of chunks of `text/event-stream`.
package final class EventStream: Sendable {
    package let chunks: AsyncStream<[UInt8]>
    private let continuation: AsyncStream<[UInt8]>.Continuation
    /// Whether the listener may still listen; asked from time to time.
    let mayGoOn: @Sendable () -> Bool

    /// - Parameter ended: called once, when either side has ended the stream.
    init(mostWaiting: Int, mayGoOn: @escaping @Sendable () -> Bool, ended: @escaping @Sendable () -> Void) {
        (chunks, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(mostWaiting))
        self.mayGoOn = mayGoOn
        continuation.onTermination = { _ in ended() }
    }

    /// - Returns: `false` when too many chunks wait for the reader.
    func send(_ chunk: [UInt8]) -> Bool {
        if case .dropped = continuation.yield(chunk) { return false }
        return true
    }

    /// Ends the stream; what waits is still delivered.
    package func end() { continuation.finish() }
}
