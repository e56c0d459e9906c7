// SPDX-License-Identifier: Apache-2.0

/// The parts of a training step, for measurements.
package enum Phase: Int, CaseIterable, Sendable {
    case forward, backward, perExampleNorm, clipAndSum, noise, step
}

/// Adds up what one worker's phases take. Only measurements have one: training reads no clock.
package final class PhaseClock {
    private let now: @Sendable () -> UInt64
    private var nanoseconds = [UInt64](repeating: 0, count: Phase.allCases.count)
    private var start: UInt64 = 0

    /// - Parameter now: nanoseconds of a steady clock.
    package init(_ now: @escaping @Sendable () -> UInt64) {
        self.now = now
    }

    /// Starts to measure.
    package func begin() { start = now() }

    /// Adds the time since the last `begin` or `end` to a phase.
    package func end(_ phase: Phase) {
        let time = now()
        nanoseconds[phase.rawValue] += time - start
        start = time
    }

    /// Nanoseconds of a phase so far.
    package func total(_ phase: Phase) -> UInt64 { nanoseconds[phase.rawValue] }

    /// Forgets everything so far.
    package func reset() {
        for index in nanoseconds.indices { nanoseconds[index] = 0 }
    }
}
