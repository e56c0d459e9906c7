// SPDX-License-Identifier: Apache-2.0

/// A table for people: columns as wide as their widest cell, two spaces apart; lines carry no trailing blanks.
package struct TextTable: Sendable, CustomStringConvertible {
    /// On which side a column's blanks go.
    package enum Alignment: Sendable {
        case left
        case right
    }

    private let alignments: [Alignment]
    private var rows: [[String]] = []

    package init(_ alignments: [Alignment]) {
        self.alignments = alignments
    }

    /// Two columns: what, and its value.
    package init() {
        self.init([.left, .left])
    }

    /// Appends a row; missing cells are empty, cells beyond the columns are dropped.
    package mutating func row(_ cells: String...) {
        rows.append(cells)
    }

    /// The same for cells that are in a list.
    package mutating func row(_ cells: [String]) {
        rows.append(cells)
    }

    package var description: String {
        let widths = alignments.indices.map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, alignment) in alignments.enumerated() where column < row.count {
                let blanks = String(repeating: " ", count: widths[column] - row[column].count)
                line += (column > 0 ? "  " : "") + (alignment == .left ? row[column] + blanks : blanks + row[column])
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        .joined(separator: "\n")
    }
}
