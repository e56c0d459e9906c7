// SPDX-License-Identifier: Apache-2.0

/// A bar on standard error, for a person: only where that is a terminal, and only for what takes over two seconds.
package struct ProgressBar {
    private let label: String
    private let total: Int
    private let start = ContinuousClock.now
    private var shown = ContinuousClock.now
    private var isVisible = false

    /// - Parameter total: the steps that make the whole; at least 1.
    package init(_ label: String, total: Int) {
        self.label = label
        self.total = max(1, total)
    }

    /// Shows that `done` of the steps are done, ten times a second at most.
    package mutating func update(_ done: Int) {
        let now = ContinuousClock.now
        guard StandardError.isTerminal, now - start > .seconds(2), now - shown > .milliseconds(100) else { return }
        shown = now
        isVisible = true
        let share = min(1, max(0, Double(done) / Double(total)))
        let width = 30
        let filled = Int(share * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        let elapsed = (now - start) / .seconds(1)
        let left = share > 0 ? Decimal.text(elapsed / share - elapsed, digits: 0) : "?"
        StandardError.write("\r\(label) [\(bar)] \(done)/\(total), \(left) s left \u{1B}[K")
    }

    /// Wipes the bar.
    package mutating func finish() {
        guard isVisible else { return }
        isVisible = false
        StandardError.write("\r\u{1B}[K")
    }
}
