// SPDX-License-Identifier: Apache-2.0

package import Accounting
import Cryptography

/// `privacy.json`: what stands beside every released model, so that a third party can recompute the claim offline.
package struct PrivacyStatement: Hashable, Sendable, Codable {
    /// The model that the statement is about.
    package struct Model: Hashable, Sendable, Codable {
        /// The network's name.
        package let network: String
        /// The number of parameters.
        package let parameters: Int
        /// SHA-256 of the model file, hexadecimal.
        package let sha256: String
    }

    /// Epsilon against each adversary at the statement's delta; nil where nothing is claimed.
    package struct EpsilonAgainst: Hashable, Sendable, Codable {
        /// Sees every released model.
        package let outsider: Double?
        /// Sees every released model and knows its own noise share.
        package let client: Double?
        /// As many clients as the plan tolerates, who pool what they know.
        package let colluders: Double?
        /// Sees every update.
        package let server: Double?

        package init(outsider: Double?, client: Double?, colluders: Double?, server: Double?) {
            self.outsider = outsider
            self.client = client
            self.colluders = colluders
            self.server = server
        }

        /// From claims at one delta: the largest epsilon of each adversary; adversaries without a claim have none.
        package init(_ claims: [PrivacyClaim]) {
            func epsilon(_ matches: (Adversary) -> Bool) -> Double? {
                claims.filter { matches($0.adversary) }.map(\.epsilon).max()
            }
            outsider = epsilon { $0 == .outsider }
            client = epsilon { $0 == .client }
            colluders = epsilon { if case .colluders = $0 { true } else { false } }
            server = epsilon { $0 == .server }
        }
    }

    /// The version of this format.
    package static let currentVersion = 1

    package let version: Int
    package let model: Model
    package let unit: PrivacyUnit
    package let adjacency: Adjacency
    package let sampling: String
    package let accountant: Accountant
    /// Nil where the accountant needs none.
    package let conversion: Conversion?
    /// δ that was asked for; the items add up to at most this.
    package let delta: Double
    package let deltaParts: DeltaParts
    package let epsilonAgainst: EpsilonAgainst
    /// What was released, as each adversary sees it, each so many times.
    @OrderedByAdversary package private(set) var events: [Adversary: [PrivacyEvent.Repeated]]
    /// The sensitivity bounds that the events rely on.
    package let certificates: [SensitivityCertificate]
    package let noiseSecure: Bool
    package let assumptions: [String]
    /// SHA-256 of the program that trained, hexadecimal; nil where it could not be read.
    package let binarySHA256: String?
    /// The head of the ledger's chain, hexadecimal; nil where there is no ledger.
    package let ledgerHead: String?

    /// - Parameters:
    ///   - claims: at least one; all with the unit, δ, sampling and accountant of the first.
    ///   - binaryHash, ledgerHead: 32 bytes each.
    package init(
        model: Model,
        claims: [PrivacyClaim],
        events: [Adversary: [PrivacyEvent.Repeated]],
        certificates: [SensitivityCertificate],
        binaryHash: [UInt8]? = nil,
        ledgerHead: [UInt8]? = nil
    ) {
        precondition(!claims.isEmpty, "a statement needs a claim")
        let first = claims[0]
        version = Self.currentVersion
        self.model = model
        unit = first.unit
        adjacency = first.adjacency
        sampling = first.sampling
        accountant = first.accountant
        conversion = first.conversion
        delta = first.delta
        deltaParts = first.deltaParts
        epsilonAgainst = EpsilonAgainst(claims)
        self.events = events
        self.certificates = certificates
        noiseSecure = claims.allSatisfy(\.noiseSecure)
        var assumptions = first.assumptions
        for claim in claims.dropFirst() {
            assumptions += claim.assumptions.filter { !assumptions.contains($0) }
        }
        self.assumptions = assumptions
        binarySHA256 = binaryHash.map { Hexadecimal.text($0) }
        self.ledgerHead = ledgerHead.map { Hexadecimal.text($0) }
    }

    /// The statement as a file: JSON, one member a line.
    ///
    /// - Throws: ``TrainingError/notRepresentable(field:)`` for a number that is not finite.
    package func fileBytes() throws(TrainingError) -> [UInt8] {
        try Array((JSONText.encode(self, pretty: true) + "\n").utf8)
    }
}
