// SPDX-License-Identifier: Apache-2.0

/// Names one try at one round of a task.
package struct RoundIdentifier: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let task: String
    /// 1 for the first round.
    package let round: Int
    /// 1 for the first attempt at the round; an attempt with too few survivors is followed by the next.
    package let attempt: Int

    package init(task: String, round: Int, attempt: Int) {
        self.task = task
        self.round = round
        self.attempt = attempt
    }

    package static func < (left: RoundIdentifier, right: RoundIdentifier) -> Bool {
        (left.task, left.round, left.attempt) < (right.task, right.round, right.attempt)
    }

    package var description: String { "task \(task), round \(round), attempt \(attempt)" }
}

/// The server's side of one attempt at a round, as a pure state machine: no input or output, no clock, no randomness.
///
/// The caller passes the time in, makes durable what an answer tells it to, and only then acts on it. Because every
/// change is an answer to one call, the machine can be rebuilt from what was stored: ``init(identifier:terms:members:accepted:closesAt:)``.
///
/// Times are milliseconds of any clock that does not run backwards across the calls of one machine.
package struct ServerRound: Sendable {
    package let identifier: RoundIdentifier
    package let terms: RoundTerms
    /// Members in the order in which they joined.
    package private(set) var members: [String]
    /// For each member whose update was added, the SHA-256 of the body that brought it.
    package private(set) var accepted: [String: [UInt8]]
    /// When the round closes without the missing members; `nil` until the first member has joined, because a round that
    /// nobody knows of can wait without costing anybody anything.
    package private(set) var closesAt: UInt64?

    /// A new attempt, or one rebuilt from the store.
    package init(
        identifier: RoundIdentifier,
        terms: RoundTerms,
        members: [String] = [],
        accepted: [String: [UInt8]] = [:],
        closesAt: UInt64? = nil
    ) {
        self.identifier = identifier
        self.terms = terms
        self.members = members
        self.accepted = accepted
        self.closesAt = closesAt
    }

    /// What a client that asks for work is told.
    package enum JoinAnswer: Hashable, Sendable {
        /// The client became a member now: store it, then hand out the assignment.
        case joined
        /// It is a member already and its update is missing: hand out the same assignment again.
        case member
        /// Its update was added: it waits for the next round.
        case done
        /// The cohort is full without it.
        case full
    }

    package mutating func join(_ client: String, now: UInt64) -> JoinAnswer {
        if accepted[client] != nil { return .done }
        if members.contains(client) { return .member }
        guard members.count < terms.cohort else { return .full }
        if members.isEmpty { closesAt = now + UInt64(terms.deadlineSeconds) * 1000 }
        members.append(client)
        return .joined
    }

    /// What happens with an upload.
    package enum UploadAnswer: Hashable, Sendable {
        /// Add it, and make it durable together with ``accepted``, before it is acknowledged.
        case add
        /// The same bytes were added before: answer with the stored receipt.
        case replay
        /// Another body was added before for this client: refuse, nothing changes.
        case conflict
        /// The client is not a member of this attempt: refuse.
        case notMember
    }

    /// Classifies an upload without changing anything; follow `.add` by ``recordAccepted(client:bodyHash:)``.
    package func classify(client: String, bodyHash: [UInt8]) -> UploadAnswer {
        if let earlier = accepted[client] { return earlier == bodyHash ? .replay : .conflict }
        return members.contains(client) ? .add : .notMember
    }

    /// The update of `client` is in the running sum and stored.
    package mutating func recordAccepted(client: String, bodyHash: [UInt8]) {
        precondition(members.contains(client) && accepted[client] == nil, "an update is added once, for a member")
        accepted[client] = bodyHash
    }

    /// What is to be done about the round at a given time.
    package enum Closing: Hashable, Sendable {
        case notYet
        /// Every member of a full cohort has delivered, or the deadline has passed with enough of them.
        case commit(survivors: Int)
        /// The deadline has passed with too few survivors for the planned noise: nothing may be released.
        case abandon(survivors: Int)
    }

    package func closing(now: UInt64) -> Closing {
        if accepted.count == terms.cohort { return .commit(survivors: accepted.count) }
        guard let closesAt, now >= closesAt else { return .notYet }
        return accepted.count >= terms.fewestSurvivors
            ? .commit(survivors: accepted.count) : .abandon(survivors: accepted.count)
    }

    /// After an outage, gives members the whole deadline again, because they could not deliver meanwhile.
    package mutating func extendDeadline(now: UInt64) {
        guard closesAt != nil else { return }
        closesAt = max(closesAt ?? 0, now + UInt64(terms.deadlineSeconds) * 1000)
    }
}
