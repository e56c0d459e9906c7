// SPDX-License-Identifier: Apache-2.0

/// A loop at two processor levels, each run on its own copy of the same floats.
struct LevelLoop {
    /// What `LevelCheck` reports where the levels differ.
    let name: String
    /// Whether both left the same bits; which NaN is written does not count, as IEEE 754 leaves it open.
    let levelsAgree: Bool

    /// Runs both.
    init(
        _ name: String,
        from start: [Float],
        _ picked: (inout [Float]) -> Void,
        _ portable: (inout [Float]) -> Void
    ) {
        var (first, second) = (start, start)
        picked(&first)
        portable(&second)
        self.name = name
        levelsAgree = zip(first, second).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
    }

    /// Runs both on `count` zeros.
    init(
        _ name: String,
        _ count: Int,
        _ picked: (inout [Float]) -> Void,
        _ portable: (inout [Float]) -> Void
    ) {
        self.init(name, from: [Float](repeating: 0, count: count), picked, portable)
    }
}
