// SPDX-License-Identifier: Apache-2.0

import Kernels
import TestKit

/// A matrix with gaps between its rows, which hold NaN, behind some NaN.
func view(rows: Int, columns: Int, seed: UInt64, gap: Int = 3) -> MatrixView {
    let (offset, stride) = (5, columns + gap)
    let values = testFloats(rows * columns, seed: seed)
    var padded = [Float](repeating: .nan, count: offset + rows * stride)
    for row in 0..<rows {
        for column in 0..<columns { padded[offset + row * stride + column] = values[row * columns + column] }
    }
    return MatrixView(Buffer(padded), offset: offset, rows: rows, columns: columns, stride: stride)
}

extension MatrixView {
    subscript(row: Int, column: Int) -> Float {
        buffer.read { $0[offset + row * stride + column] }
    }

    func bits(_ row: Int) -> [UInt32] { (0..<columns).map { self[row, $0].bitPattern } }

    /// Whether what lies before the matrix and between its rows is still NaN.
    var isUntouchedAround: Bool {
        buffer.read { elements in
            elements.indices.allSatisfy { index in
                let place = index - offset
                let isInside = place >= 0 && place < rows * stride && place % stride < columns
                return isInside || elements[index].isNaN
            }
        }
    }
}
