// SPDX-License-Identifier: Apache-2.0

/// Against whom a guarantee holds. Every printed epsilon names one of these.
///
/// The text form (`description`, `init?(_:)`, and the `Codable` form) is `outsider`, `client`,
/// `N colluding clients` (`1 colluding client`) or `server`.
package enum Adversary: Hashable, Sendable, LosslessStringConvertible {
    /// Sees every released model, and nothing else.
    case outsider
    /// One participant: sees every released model and knows its own noise share.
    case client
    /// So many participants, at least one, who pool their views and noise shares.
    case colluders(Int)
    /// The aggregator: sees everything that clients send, and who takes part.
    case server

    package var description: String {
        switch self {
        case .outsider: "outsider"
        case .client: "client"
        case .colluders(1): "1 colluding client"
        case .colluders(let count): "\(count) colluding clients"
        case .server: "server"
        }
    }

    /// The adversary of a text form; nil for any other text, also for a different spelling of the number.
    package init?(_ description: String) {
        switch description {
        case "outsider": self = .outsider
        case "client": self = .client
        case "server": self = .server
        default:
            let words = description.split(separator: " ", omittingEmptySubsequences: false)
            guard let count = words.first.flatMap({ Int($0) }), count >= 1 else { return nil }
            self = .colluders(count)
            guard self.description == description else { return nil }
        }
    }

    /// What the adversary sees, as a clause that completes "holds against".
    package var explanation: String {
        switch self {
        case .outsider: "an outsider who sees every released model"
        case .client: "any one client, who also knows its own noise"
        case .colluders(1): "1 colluding client"
        case .colluders(let count): "\(count) colluding clients who pool what they know"
        case .server: "the server, which sees every update it receives"
        }
    }
}

extension Adversary: Comparable {
    /// The canonical order: outsider, client, colluders by number, server.
    package static func < (left: Adversary, right: Adversary) -> Bool { left.rank < right.rank }

    private var rank: (Int, Int) {
        switch self {
        case .outsider: (0, 0)
        case .client: (1, 0)
        case .colluders(let count): (2, count)
        case .server: (3, 0)
        }
    }
}

extension Adversary: Codable, CodingKeyRepresentable {
    /// The text form as the name of a member.
    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package var codingKey: any CodingKey { Key(stringValue: description) }

    package init?(codingKey: some CodingKey) { self.init(codingKey.stringValue) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let adversary = Adversary(text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "expected outsider, client, N colluding clients or server"
            )
        }
        self = adversary
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
