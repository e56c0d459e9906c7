// SPDX-License-Identifier: Apache-2.0

import Aggregator

/// How long a connection may take for what it does now: a state machine without clock or sockets.
///
/// A head must come within seconds of its first byte; a body and an answer have a minute and a second more for every 16 KiB,
/// so that whoever trickles is cut off and whoever is merely slow is not.
struct ConnectionWatch {
    struct Limits: Sendable {
        var head: Double
        var body: Double
        var idle: Double
        /// Bytes that buy a second more.
        var rate = 16_384.0
        /// Between two pieces of a stream, in which something is said about every 15 seconds.
        var quiet = 20.0
        /// For the rest of a body whose request was refused: seconds, and bytes.
        var drain = (seconds: 2.0, bytes: 1 << 20)

        init(_ doors: DoorConfiguration) {
            head = Double(doors.headerSeconds)
            body = Double(doors.bodySeconds)
            idle = Double(doors.idleSeconds)
        }

        init(head: Double, body: Double, idle: Double) {
            (self.head, self.body, self.idle) = (head, body, idle)
        }
    }

    private enum Phase {
        /// Between requests.
        case idle
        /// A handshake or a request's head is coming.
        case head
        case body
        /// The request is here, and is being worked on.
        case working
        /// The answer is going out.
        case answering
        /// An answer without an end of its own is going out, piece by piece.
        case streaming
        /// The answer is out before the request was in.
        case draining
    }

    private let limits: Limits
    private var phase = Phase.head
    private var since: Double
    private var bytes = 0
    private var isRequestWhole = true
    /// Nothing more is taken from it.
    private(set) var isOver = false

    init(_ limits: Limits, now: Double) {
        self.limits = limits
        since = now
    }

    private mutating func enter(_ phase: Phase, now: Double) {
        self.phase = phase
        since = now
        bytes = 0
    }

    /// When it is closed unless something happens; seconds of the clock that the calls name.
    var deadline: Double {
        switch phase {
        case .idle: since + limits.idle
        case .head: since + limits.head
        case .body, .answering: since + limits.body + Double(bytes) / limits.rate
        case .working: .infinity
        case .streaming: since + limits.quiet + limits.body
        case .draining: since + limits.drain.seconds
        }
    }

    /// Bytes came.
    mutating func receives(now: Double) {
        if phase == .idle { enter(.head, now: now) }
    }

    /// A request's head is whole.
    mutating func begins(now: Double) {
        isRequestWhole = false
        enter(.body, now: now)
    }

    mutating func body(_ count: Int, now: Double) {
        bytes += count
        if phase == .draining, bytes > limits.drain.bytes { isOver = true }
    }

    /// A request is whole.
    mutating func ends(now: Double) {
        isRequestWhole = true
        switch phase {
        case .body: enter(.working, now: now)
        case .draining: isOver = true
        case .idle, .head, .working, .answering, .streaming: break
        }
    }

    /// An answer's head goes out.
    ///
    /// - Parameter isStream: whether it goes on without an end of its own.
    mutating func answers(now: Double, isStream: Bool = false) { enter(isStream ? .streaming : .answering, now: now) }

    /// Whether the connection ends with the answer, because the request is not whole.
    var endsAfterAnswer: Bool { !isRequestWhole }

    mutating func sends(_ count: Int, now: Double) {
        if phase == .answering { bytes += count }
        // Pieces are only sent once the ones before have been taken.
        if phase == .streaming { since = now }
    }

    /// An answer is out.
    mutating func answered(now: Double) {
        guard phase == .answering || phase == .streaming else { return }
        enter(isRequestWhole ? .idle : .draining, now: now)
    }
}
