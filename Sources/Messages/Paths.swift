// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
package import Rounds

/// The routes that machines use, in one place for both sides.
package enum Paths {
    package static let enrolments = "/v1/enrolments"
    package static let assignments = "/v1/assignments"

    /// A plan or a model by its SHA-256.
    package static func blob(_ hash: [UInt8]) -> String { "/v1/blobs/\(Hexadecimal.text(hash))" }

    package static func update(_ round: RoundIdentifier) -> String {
        "/v1/tasks/\(round.task)/rounds/\(round.round)/attempts/\(round.attempt)/update"
    }

    package static let tasks = "/v1/tasks"

    package static func task(_ name: String) -> String { "/v1/tasks/\(name)" }
}
