// SPDX-License-Identifier: Apache-2.0

extension Float {
    /// The greatest Float that is at most `value`, which is finite and not negative.
    package static func roundedDown(_ value: Double) -> Float {
        let nearest = Float(value)
        return Double(nearest) > value ? nearest.nextDown : nearest
    }
}
