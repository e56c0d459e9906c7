// SPDX-License-Identifier: Apache-2.0

/// How a tool of ours ends; scripts rely on the numbers.
package enum ExitStatus: Int32, Sendable {
    /// Done.
    case success = 0
    /// Anything that has no number of its own.
    case failure = 1
    /// Bad arguments or input.
    case badInput = 2
    /// A limit was hit: privacy budget, memory, deadline.
    case limit = 3
    /// The other side refused.
    case refused = 4
}

/// An error that knows how the process should end; its description is one line: what, where, what would be right.
package protocol ExitError: Error, CustomStringConvertible {
    var exitStatus: ExitStatus { get }
}

/// An error with nothing but a line and a status.
package struct CommandError: ExitError, Hashable, Sendable {
    package let description: String
    package let exitStatus: ExitStatus

    package init(_ description: String, status: ExitStatus = .badInput) {
        self.description = description
        exitStatus = status
    }
}
