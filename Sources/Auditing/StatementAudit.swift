// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Cryptography
internal import Networks
package import Training

/// Everything in a model's privacy statement that follows from the statement, the model and, where there is one, the
/// ledger, recomputed; and what does not follow from them.
package struct StatementAudit: Sendable {
    /// One thing that was recomputed.
    package struct Check: Hashable, Sendable, Codable {
        package let name: String
        package let holds: Bool
        /// What was found, in one line.
        package let detail: String
    }

    /// What each accountant that covers the events says against an adversary, at the accountant's part of delta.
    package struct Comparison: Hashable, Sendable, Codable {
        package let adversary: Adversary
        /// What is claimed; nil where nothing is.
        package let claimed: Double?
        package let pld: Double?
        package let rdp: Double?
        package let zcdp: Double?
    }

    package let statement: PrivacyStatement
    package private(set) var checks: [Check] = []
    package private(set) var comparisons: [Comparison] = []

    /// Whether all checks hold.
    package var isVerified: Bool { checks.allSatisfy(\.holds) }

    /// How far below the recomputed value a claim may be, relative to it: the last places of other machines' exp and log.
    package static let tolerance = 1e-6

    /// - Parameters:
    ///   - model: the bytes of the model file.
    ///   - ledger: the ledger whose head the statement names; nil where nobody has it.
    package init(_ statement: PrivacyStatement, model: [UInt8], ledger: Ledger? = nil) {
        self.statement = statement
        checkModel(model)
        checkTerms()
        checkCertificates()
        checkEvents()
        checkDelta()
        checkEpsilons()
        if let ledger { checkLedger(ledger) }
    }

    mutating func check(_ name: String, _ holds: Bool, _ detail: String) {
        checks.append(Check(name: name, holds: holds, detail: detail))
    }

    private mutating func checkModel(_ model: [UInt8]) {
        let hash = Hexadecimal.text(SHA256.hash(model))
        check("model hash", hash == statement.model.sha256, "SHA-256 \(hash)")
        do {
            let count = try Safetensors.decode(model).reduce(0) { $0 + $1.values.count }
            let stated = statement.model.parameters
            check("model parameters", count == stated, "\(count) in the file, \(stated) stated")
        } catch {
            check("model parameters", false, "\(error)")
        }
    }

    /// What an epsilon has no meaning without.
    private mutating func checkTerms() {
        let version = PrivacyStatement.currentVersion
        check("version", statement.version == version, "\(statement.version), this program reads \(version)")
        check(
            "terms",
            !statement.sampling.isEmpty,
            "per \(statement.unit.rawValue), \(statement.adjacency.rawValue), sampling: \(statement.sampling)"
        )
        check("noise secure", statement.noiseSecure, statement.noiseSecure ? "stated" : "not even stated")
    }

    private mutating func checkCertificates() {
        let certificates = statement.certificates
        var reasons = certificates.isEmpty ? ["there is none"] : []
        for certificate in certificates {
            do throws(AccountingError) { try certificate.validate() } catch { reasons.append(error.description) }
        }
        // Beside the one for the model's updates there may be some for smaller releases, such as noised metrics.
        if let largest = certificates.map(\.dimension).max(), largest < statement.model.parameters {
            reasons.append("of \(largest) coordinates, the model has \(statement.model.parameters)")
        }
        let bounds = certificates.map { "bound \($0.bound) on the grid 2^-\($0.gridExponent), \($0.method)" }
        check("certificates", reasons.isEmpty, (reasons.isEmpty ? bounds : reasons).joined(separator: "; "))
    }

    /// Events are well formed, and rely on no less than a certified bound. With several certificates, which one an event
    /// goes with is not stated: none may rely on less than the least, nor all on less than the greatest.
    private mutating func checkEvents() {
        let events = statement.events.values.flatMap(\.self)
        check(
            "events",
            !events.isEmpty && events.allSatisfy { $0.count >= 1 },
            statement.events.sorted { $0.key < $1.key }
                .map { "\($0.key): \(PrivacyEvent.composed($0.value))" }
                .joined(separator: "; ")
        )
        let bounds = statement.certificates.map { DirectedRounding.atLeast($0.bound) }
        guard let least = bounds.min(), let greatest = bounds.max() else { return }
        for (adversary, events) in statement.events.sorted(by: { $0.key < $1.key }) {
            let relied = events.compactMap(\.event.smallestSensitivity)
            let holds = relied.allSatisfy { $0 >= least } && relied.max() ?? greatest >= greatest
            check(
                "sensitivity, \(adversary)",
                holds,
                relied.isEmpty
                    ? "noise is stated as a multiple of the sensitivity"
                    : "\(relied.min() ?? 0) grid units relied on, \(greatest) certified"
            )
        }
    }

    private mutating func checkDelta() {
        let parts = statement.deltaParts
        let items = [parts.accountant, parts.sampler, parts.rounding, parts.draw, parts.transfer, parts.fft]
        let holds =
            statement.delta > 0 && statement.delta < 1 && items.allSatisfy { $0 >= 0 && $0.isFinite }
            && parts.accountant > 0 && parts.total <= statement.delta
        check("delta items", holds, "add up to \(parts.total) of \(statement.delta)")
    }

    /// The accountant's part, with what it set aside itself.
    var accountantDelta: Double {
        let parts = statement.deltaParts
        return min(parts.accountant + parts.fft + parts.transfer, statement.delta)
    }

    /// What is claimed, each against whom: a claim against colluders is one against every number of them that is named.
    private var claims: [(adversary: Adversary, epsilon: Double?)] {
        let claimed = statement.epsilonAgainst
        var named = statement.events.keys.filter { if case .colluders = $0 { true } else { false } }.sorted()
        if named.isEmpty, claimed.colluders != nil { named = [.colluders(1)] }
        return [(.outsider, claimed.outsider), (.client, claimed.client)] + named.map { ($0, claimed.colluders) }
            + [(.server, claimed.server)]
    }

    /// The events against an adversary, or those of the next stronger one that is named.
    func event(against adversary: Adversary) -> PrivacyEvent? {
        let stronger = statement.events.keys.filter { $0 >= adversary }.min()
        return stronger.flatMap { statement.events[$0] }.map { PrivacyEvent.composed($0) }
    }

    private mutating func checkEpsilons() {
        let claims = claims
        let against = claims.filter { $0.epsilon != nil }.map(\.adversary.description)
        check(
            "claims",
            !against.isEmpty,
            against.isEmpty ? "there is none" : "against: " + against.joined(separator: ", ")
        )
        for (adversary, claimed) in claims {
            guard let event = event(against: adversary) else {
                if claimed != nil { check("epsilon, \(adversary)", false, "there are no events that it follows from") }
                continue
            }
            let delta = accountantDelta
            func by(_ accountant: Accountant) -> Double? {
                try? accountant.epsilon(of: event, delta: delta).epsilon
            }
            comparisons.append(
                Comparison(
                    adversary: adversary,
                    claimed: claimed,
                    pld: by(.pld),
                    rdp: by(.rdp),
                    zcdp: by(.zcdp)
                )
            )
            if let claimed { checkClaim(claimed, against: adversary, event: event) }
        }
    }

    private mutating func checkClaim(_ claimed: Double, against adversary: Adversary, event: PrivacyEvent) {
        do throws(AccountingError) {
            let accounted = try statement.accountant.epsilon(
                of: event,
                delta: accountantDelta,
                conversion: statement.conversion ?? .improved
            )
            let least = accounted.epsilon * (1 - Self.tolerance)
            check(
                "epsilon, \(adversary)",
                claimed.isFinite && claimed >= least,
                "\(claimed) claimed, \(accounted.epsilon) recomputed by \(accounted.method)"
            )
            checkSampler(claimed, recomputed: accounted.epsilon, against: adversary, event: event)
        } catch {
            check("epsilon, \(adversary)", false, error.description)
        }
    }

    /// The sampler's item at the recomputed epsilon fits, beside the other items, into delta; and for the least of the
    /// claims, for which the items are stated, it is no more than stated.
    private mutating func checkSampler(
        _ claimed: Double,
        recomputed epsilon: Double,
        against adversary: Adversary,
        event: PrivacyEvent
    ) {
        guard !event.discreteNoise.isEmpty else { return }
        do throws(AccountingError) {
            let dimension = statement.certificates.map(\.dimension).max() ?? statement.model.parameters
            let needed = try SamplerDistances.of(event, dimension: max(0, dimension))
                .reduce(0) { DirectedRounding.addUp($0, $1.deltaItem(epsilon: epsilon)) }
            let parts = statement.deltaParts
            let others = [parts.rounding, parts.transfer, parts.fft].reduce(parts.accountant, DirectedRounding.addUp)
            let least = claims.compactMap(\.epsilon).min() ?? claimed
            let isStated = claimed > least || needed <= parts.sampler * (1 + Self.tolerance)
            check(
                "sampler, \(adversary)",
                isStated && DirectedRounding.addUp(others, needed) <= statement.delta * (1 + Self.tolerance),
                "\(needed) of delta needed, \(parts.sampler) stated"
            )
        } catch {
            check("sampler, \(adversary)", false, error.description)
        }
    }
}

extension StatementAudit {
    /// What neither this audit nor anybody can tell from the files, one sentence each.
    package func notChecked(ledger: Bool) -> [String] {
        var open = [
            "that the noise was really drawn, from the stated law and from the operating system's random bits",
            "that examples were sampled as stated",
            "that the bound of each certificate is right for the model and the machine: its derivation names the proof",
            "that one \(statement.unit.rawValue) of the data is one of those whom the claim is about",
            "that nothing else was released from the same data",
            "that delta is far below one over the number of units, which no member of the statement says",
        ]
        open.append(
            statement.binarySHA256.map { "that the program whose SHA-256 is \($0) did this: the hash is its own word" }
                ?? "which program did this: no hash of it is stated"
        )
        if let head = statement.ledgerHead, !ledger {
            open.append("the ledger's head \(head): no ledger was given")
        }
        if statement.ledgerHead == nil { open.append("other runs on the same data: no ledger is named") }
        return open + statement.assumptions.map { "assumed: \($0)" }
    }
}
