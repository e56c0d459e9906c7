// SPDX-License-Identifier: Apache-2.0

/// The server's side of one attempt at a round, as a pure value: no input or output, no clock, no randomness.
///
/// Its counts are what the store holds; whoever acts on an answer makes it durable in the transaction in which the counts
/// were read. So any number of servers decide alike, and after a crash the store alone says how the round goes on.
///
/// An attempt has the stages configuration (members fetch their assignments), reporting (they deliver) and closing (the sum
/// is used). Selection comes before it (``Selection``). Updates are taken during configuration too. Times are milliseconds.
package struct ServerRound: Hashable, Sendable {
    /// Where an attempt stands, in the words that people are told.
    package enum Stage: String, Sendable {
        case configuration
        case reporting
        case closing
    }

    package let identifier: RoundIdentifier
    package let terms: RoundTerms
    /// When configuration ends at the latest.
    package var configuresUntil: UInt64
    /// The clients that were waiting when the attempt opened, at most ``RoundTerms/mostMembers``.
    package let expected: Int
    /// Clients that were given the assignment.
    package var members: Int
    /// Updates in the sum.
    package var accepted: Int
    /// When the attempt closes without the missing updates; `nil` during configuration.
    package var closesAt: UInt64?
    /// Whether nothing more is let in.
    package var isClosing: Bool

    package init(
        identifier: RoundIdentifier,
        terms: RoundTerms,
        configuresUntil: UInt64,
        expected: Int,
        members: Int = 0,
        accepted: Int = 0,
        closesAt: UInt64? = nil,
        isClosing: Bool = false
    ) {
        self.identifier = identifier
        self.terms = terms
        self.configuresUntil = configuresUntil
        self.expected = expected
        self.members = members
        self.accepted = accepted
        self.closesAt = closesAt
        self.isClosing = isClosing
    }

    package var stage: Stage {
        if isClosing { return .closing }
        return closesAt == nil ? .configuration : .reporting
    }

    // MARK: Joining

    /// What is known of a client that asks for work.
    package struct Standing: Hashable, Sendable {
        /// It was given this attempt's assignment.
        package var isMember: Bool
        /// Its update is in this attempt's sum.
        package var hasDelivered: Bool
        /// Other training rounds of the task that it was a member of; further attempts at one round are one participation.
        package var participations: Int
        /// The latest round among them.
        package var lastRound: Int?

        package init(
            isMember: Bool = false,
            hasDelivered: Bool = false,
            participations: Int = 0,
            lastRound: Int? = nil
        ) {
            self.isMember = isMember
            self.hasDelivered = hasDelivered
            self.participations = participations
            self.lastRound = lastRound
        }
    }

    /// What a client that asks for work is told.
    package enum JoinAnswer: Hashable, Sendable {
        /// It becomes a member: store it, then hand out the assignment.
        case joins
        /// It is a member already and its update is missing: hand out the same assignment again.
        case member
        /// Its update was added: it waits for the next round.
        case done
        /// No more members are taken.
        case full
        /// The plan's caps keep it out of this round.
        case capped
    }

    package func join(_ client: Standing, now: UInt64) -> JoinAnswer {
        if client.hasDelivered { return .done }
        if isClosing { return .full }
        if client.isMember { return .member }
        guard closesAt == nil, members < expected, now < configuresUntil else { return .full }
        return terms.allows(client, inRound: identifier.round) ? .joins : .capped
    }

    // MARK: Uploads

    /// What happens with an update.
    package enum UploadAnswer: Hashable, Sendable {
        /// Add it, and make it durable together with its receipt, before it is acknowledged.
        case add
        /// The client is not a member of this attempt: refuse.
        case notMember
        /// The attempt takes nothing more, whatever the reason that it comes late: discard.
        case late
    }

    /// - Parameter isMember: whether the client, of which there is no update yet, was given the assignment.
    package func upload(isMember: Bool, now: UInt64) -> UploadAnswer {
        guard isMember else { return .notMember }
        // Between the deadline and the look at the round that closes it, nothing gets in.
        guard !isClosing, closesAt.map({ now < $0 }) ?? true else { return .late }
        return .add
    }

    // MARK: Time

    /// What is to be done about the attempt.
    package enum Step: Hashable, Sendable {
        /// Nothing before that time, unless something else happens.
        case wait(until: UInt64)
        /// Configuration is over: take no more members, and note until when reports are awaited.
        case report(until: UInt64)
        /// Close it and release the sum.
        case release
        /// Close it; there are too few updates for the planned noise, so nothing may be released.
        case abandon
    }

    package func next(now: UInt64) -> Step {
        let end: Step = accepted >= terms.fewestSurvivors ? .release : .abandon
        if isClosing { return end }
        if accepted >= terms.cohort { return .release }
        guard let closesAt else {
            guard members >= expected || now >= configuresUntil else { return .wait(until: configuresUntil) }
            guard members >= terms.fewestSurvivors else { return .abandon }
            return .report(until: now + UInt64(terms.deadlineSeconds) * 1000)
        }
        if accepted == members || now >= closesAt { return end }
        return .wait(until: closesAt)
    }

    /// Takes back deadlines that are farther away than any can be, because the clock was put back since they were set:
    /// members who stay silent would keep the round open for as long.
    ///
    /// - Returns: whether anything changed.
    package mutating func limitDeadlines(now: UInt64) -> Bool {
        let before = self
        configuresUntil = min(configuresUntil, now + UInt64(terms.configurationSeconds) * 1000)
        closesAt = closesAt.map { min($0, now + UInt64(terms.deadlineSeconds) * 1000) }
        return self != before
    }

    /// Moves the deadlines by the length of an outage, in which nobody could reach a server.
    package mutating func extend(since outage: UInt64, now: UInt64) {
        let pause = now - min(now, outage)
        configuresUntil += pause
        closesAt = closesAt.map { $0 + pause }
    }
}

extension RoundTerms {
    /// Whether the caps on one client's participations let it take part in a round. They are about training: every member may
    /// take part in an evaluation round.
    package func allows(_ client: ServerRound.Standing, inRound round: Int) -> Bool {
        guard kind(ofRound: round) == .training else { return true }
        guard client.participations < mostParticipations else { return false }
        return client.lastRound.map {
            counts(through: round).training - counts(through: $0).training >= leastSeparation
        }
            ?? true
    }
}
