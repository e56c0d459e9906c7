// SPDX-License-Identifier: Apache-2.0

internal import CKernels

extension LevelCheck {
    /// The part of ``differences(on:)`` about descent, with integers below and above 2^51.
    static func descents(on finite: [Float]) -> [LevelLoop] {
        let count = finite.count
        let patterns = finite.map { Int64(Int32(truncatingIfNeeded: $0.bitPattern)) }
        let start = finite + finite
        func both(
            _ name: String,
            _ step: @escaping (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>?) -> Void,
            _ portable: @escaping (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>?) -> Void
        ) -> [LevelLoop] {
            [true, false].map { hasVelocity in
                func run(
                    _ values: inout [Float],
                    _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>?) -> Void
                ) {
                    unsafe values.withUnsafeMutableBufferPointer { values in
                        guard let base = values.baseAddress else { return }
                        unsafe body(base, hasVelocity ? base + count : nil)
                    }
                }
                return LevelLoop(name, from: start) {
                    unsafe run(&$0, step)
                } _: {
                    unsafe run(&$0, portable)
                }
            }
        }
        let sums: [[Int64]] = [patterns, patterns.map { $0 << 28 }]
        let integers = sums.flatMap { (sum: [Int64]) -> [LevelLoop] in
            unsafe both("descend by integers") {
                unsafe sotto_descend_integers($0, $1, sum, count, 0x1p-20, 0.9, 0.1)
            } _: {
                unsafe sotto_descend_integers_portable($0, $1, sum, count, 0x1p-20, 0.9, 0.1)
            }
        }
        let floats = unsafe both("descend by floats") {
            unsafe sotto_descend_floats($0, $1, finite, count, 0.3, 0.9, 0.1)
        } _: {
            unsafe sotto_descend_floats_portable($0, $1, finite, count, 0.3, 0.9, 0.1)
        }
        return integers + floats
    }
}
