// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import FoundationEssentials
package import Logging
internal import Store
internal import Synchronization

/// The live streams of `GET /v1/events`: what changed, told as server-sent events to whoever listens.
///
/// Everything is derived from the store by comparing it with what was told before, when the store says that something has
/// changed and at least twice a second, and only while somebody listens. A listener who falls behind is dropped; it comes back with the number of the last event that it has seen, and
/// is told the present state and what it missed.
package final class EventStreams: Sendable {
    /// More listeners are refused.
    package static let mostStreams = 32
    /// Chunks that wait for a listener before it is dropped.
    package static let mostWaiting = 128
    /// Past events that a new listener is shown.
    static let pastMessages = 60
    /// Events that are read at once.
    static let mostMissed = 2000
    /// The longest time between two looks, and the shortest, in milliseconds.
    static let interval = (longest: 500, shortest: 100)
    /// A comment shows both sides that the connection lives, and each listener's right to listen is looked at again.
    package static let heartbeat = Duration.seconds(15)

    private let observatory: Observatory
    private let logger: Logger
    private let queue = DispatchQueue(label: "sotto.events")
    private let endings = DispatchQueue(label: "sotto.events.endings")
    private let state = Mutex(State())

    private struct State {
        var listeners: [UInt64: EventStream] = [:]
        var nextListener: UInt64 = 0
        var told = Told()
        var lastHeartbeat = ContinuousClock.now
        /// Changes of the store that are known.
        var changes: UInt64 = 0
        var dropped = 0
        var refused = 0
        var isPolling = false
        var trouble = ""
    }

    /// What listeners know.
    private struct Told {
        var tasks: [String: TaskState] = [:]
        /// Of each task, the attempts after the last committed round that was told.
        var attempts: [String: [AttemptReport]] = [:]
        var settledRounds: [String: Int] = [:]
        var lastEvent: Int64 = 0
    }

    package init(observatory: Observatory, logger: Logger) {
        self.observatory = observatory
        self.logger = logger
    }

    /// Numbers for `/metrics`.
    package var counts: (open: Int, dropped: Int, refused: Int) {
        state.withLock { ($0.listeners.count, $0.dropped, $0.refused) }
    }

    /// Begins a stream.
    ///
    /// - Parameters:
    ///   - lastEvent: what the listener has seen before; `nil` for a new one.
    ///   - timer: whether changes are looked for on a thread of its own; without it, ``poll(now:)`` does.
    ///   - mayGoOn: whether the listener may still listen. The stream ends once it may not.
    /// - Returns: `nil` when there are too many.
    package func listen(
        after lastEvent: Int64?,
        timer: Bool = true,
        mayGoOn: @escaping @Sendable () -> Bool = { true }
    ) throws -> EventStream? {
        try state.withLock { state in
            guard state.listeners.count < Self.mostStreams else {
                state.refused += 1
                return nil
            }
            // Everybody is brought up to now, so that the greeting and what follows it meet without a gap.
            if state.listeners.isEmpty { state.told = try Self.present(observatory) } else { tell(&state, "") }
            let first = try greeting(state.told, after: lastEvent)
            let listener = state.nextListener
            state.nextListener += 1
            let stream = EventStream(mostWaiting: Self.mostWaiting, mayGoOn: mayGoOn) { [weak self] in
                guard let self else { return }
                // On another thread, because a listener is also dropped from within the lock.
                self.endings.async { self.forget(listener) }
            }
            state.listeners[listener] = stream
            _ = stream.send(first)
            if timer, !state.isPolling {
                state.isPolling = true
                schedule()
            }
            return stream
        }
    }

    /// Tells every listener how things stand at last, and ends all streams. Does not wait for that.
    package func close() {
        endings.async {
            let listeners = self.state.withLock { state in
                if !state.listeners.isEmpty { self.tell(&state, "") }
                return Array(state.listeners.values)
            }
            for listener in listeners { listener.end() }
        }
    }

    private func forget(_ listener: UInt64) {
        state.withLock { _ = $0.listeners.removeValue(forKey: listener) }
    }

    private func schedule() {
        queue.async { [weak self, store = observatory.store] in
            guard let known = self?.state.withLock({ $0.changes }) else { return }
            let changes = store.waitForChange(after: known, milliseconds: Self.interval.longest)
            guard let self else { return }
            self.poll()
            let goesOn = self.state.withLock { state in
                state.changes = changes
                state.isPolling = !state.listeners.isEmpty
                return state.isPolling
            }
            guard goesOn else { return }
            self.queue.asyncAfter(deadline: .now() + .milliseconds(Self.interval.shortest)) { [weak self] in
                self?.schedule()
            }
        }
    }

    /// Looks for changes, and tells them.
    package func poll(now: ContinuousClock.Instant = .now) {
        state.withLock { state in
            let isDue = now - state.lastHeartbeat >= Self.heartbeat
            if isDue {
                state.lastHeartbeat = now
                for (listener, stream) in state.listeners where !stream.mayGoOn() {
                    state.listeners[listener] = nil
                    stream.end()
                }
            }
            tell(&state, isDue ? ": alive\n\n" : "")
        }
    }

    private func tell(_ state: inout State, _ heartbeat: String) {
        var text = heartbeat
        do {
            text += try changes(&state.told)
            state.trouble = ""
        } catch {
            let trouble = "\(error)"
            if trouble != state.trouble { logger.error("events: \(trouble)") }
            state.trouble = trouble
        }
        guard !text.isEmpty else { return }
        let chunk = Array(text.utf8)
        for (listener, stream) in state.listeners where !stream.send(chunk) {
            state.dropped += 1
            state.listeners[listener] = nil
            stream.end()
        }
    }

    // MARK: What is told

    private static func present(_ observatory: Observatory) throws -> Told {
        let overview = try observatory.overview()
        var told = Told()
        told.lastEvent = overview.lastEvent
        for task in overview.tasks {
            let name = task.report.task
            told.tasks[name] = task
            told.settledRounds[name] = task.report.round
            told.attempts[name] = try observatory.attempts(of: name, from: task.report.round + 1) ?? []
        }
        return told
    }

    /// The whole present state, and what happened since the last event that a listener has seen.
    private func greeting(_ told: Told, after lastEvent: Int64?) throws -> [UInt8] {
        var text = "retry: 2000\n\n"
        // Numbers of another database mean nothing here.
        let seen = lastEvent.flatMap { $0 <= told.lastEvent ? $0 : nil }
        let from = max(0, seen ?? told.lastEvent - Int64(Self.pastMessages))
        // Up to what everybody else has been told; what comes after, this listener gets with them.
        let missed = try observatory.store.read { try $0.events(after: from, limit: Self.mostMissed) }
            .filter { $0.number <= told.lastEvent }
        for task in told.tasks.values.sorted(by: { $0.report.task < $1.report.task }) {
            text += try event("task", task, told.lastEvent)
        }
        let known = seen == nil ? [] : missed
        let rounds = Dictionary(grouping: known.filter { $0.round != nil }) { $0.task ?? "" }
        for (task, attempts) in told.attempts.sorted(by: { $0.key < $1.key }) {
            let first = rounds[task]?.compactMap(\.round).min() ?? Int.max
            let earlier =
                first > told.settledRounds[task] ?? 0
                ? [] : try observatory.attempts(of: task, from: first) ?? []
            let settled = earlier.filter { $0.round <= told.settledRounds[task] ?? 0 }
            for attempt in settled + attempts { text += try event("round", attempt, told.lastEvent) }
        }
        for message in missed.suffix(Self.pastMessages) {
            text += try event("message", MessageReport(message), told.lastEvent)
        }
        return Array(text.utf8)
    }

    /// What is new since `told`, which then says so.
    private func changes(_ told: inout Told) throws -> String {
        let overview = try observatory.overview()
        let messages = try observatory.store.read { session in
            try session.events(after: told.lastEvent, limit: Self.mostMissed)
        }
        let number = max(messages.last?.number ?? 0, told.lastEvent)
        var text = ""
        // Rounds first: a task then never names one that its listener has not been told of.
        for task in overview.tasks {
            let name = task.report.task
            let settled = told.settledRounds[name] ?? 0
            guard told.tasks[name] != task else { continue }
            let attempts = try observatory.attempts(of: name, from: settled + 1) ?? []
            let known = told.attempts[name] ?? []
            for attempt in attempts where !known.contains(attempt) { text += try event("round", attempt, number) }
            told.settledRounds[name] = task.report.round
            told.attempts[name] = attempts.filter { $0.round > task.report.round }
            text += try event("task", task, number)
            told.tasks[name] = task
        }
        for message in messages { text += try event("message", MessageReport(message), number) }
        told.lastEvent = number
        return text
    }

    private func event(_ name: String, _ value: some Encodable, _ number: Int64) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // JSON on one line, so that one data field holds it.
        let data = String(decoding: try encoder.encode(value), as: UTF8.self)
        return "event: \(name)\nid: \(number)\ndata: \(data)\n\n"
    }
}
