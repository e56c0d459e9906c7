// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Whether somebody asked the client to end, for everything that may take long; asked from any thread.
package final class StopQuestion: Sendable {
    private let question = Mutex<@Sendable () -> Bool>({ false })

    /// Nobody asks it to end until ``ask(_:)``.
    package init() {}

    /// Takes over who knows the answer.
    func ask(_ question: @escaping @Sendable () -> Bool) {
        self.question.withLock { $0 = question }
    }

    var isAnsweredYes: Bool { question.withLock { $0 }() }
}
