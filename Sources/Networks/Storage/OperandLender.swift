// SPDX-License-Identifier: Apache-2.0

/// Brings the operands of one node's parameter gradients to work, some examples at a time, while its tile is lent.
final class OperandLender {
    /// The most examples that are there at once.
    let most: Int
    private let area: WorkArea
    private let loads: [PackedMove]
    /// The examples that are there, while `area` has this occupant.
    private var present = 0..<0

    init(_ area: WorkArea, loads: [PackedMove], most: Int) {
        self.area = area
        self.loads = loads
        self.most = most
    }

    /// See ``Tile/bring(_:ahead:)``.
    func bring(_ examples: Range<Int>, ahead: Bool, to tile: Tile) {
        precondition(examples.lowerBound >= 0 && examples.upperBound <= tile.examples, "no such examples in the tile")
        precondition(examples.count <= most, "at most \(most) examples are lent at once")
        let isHere = area.occupant == ObjectIdentifier(self)
        if isHere, examples.lowerBound >= present.lowerBound, examples.upperBound <= present.upperBound { return }
        let end = ahead ? min(tile.examples, examples.lowerBound + most) : examples.upperBound
        present = examples.lowerBound..<end
        area.occupant = ObjectIdentifier(self)
        for load in loads { load.unpack(present) }
        tile.shift(area.floats, to: -present.lowerBound)
    }
}
