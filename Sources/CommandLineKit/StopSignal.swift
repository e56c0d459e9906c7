// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Remembers that somebody asked the process to end, so that it can end between two steps.
package enum StopSignal {
    private static let raised = Atomic<Bool>(false)

    /// Whether SIGINT or SIGTERM has come.
    package static var isRaised: Bool { raised.load(ordering: .relaxed) }

    /// Catches SIGINT and SIGTERM once; a second one ends the process at once. A peer that closes its connection is an
    /// error of that call, not of the process.
    package static func install() {
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                StopSignal.raised.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
        signal(SIGPIPE, SIG_IGN)
    }
}
