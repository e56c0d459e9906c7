// SPDX-License-Identifier: Apache-2.0

/// The bytes that a string of hexadecimal digits names; an odd or foreign digit stops the test run.
package func bytes(hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    precondition(digits.count.isMultiple(of: 2), "a hexadecimal string has an even number of digits")
    return stride(from: 0, to: digits.count, by: 2).map { index in
        guard let byte = UInt8(hex.dropFirst(index).prefix(2), radix: 16) else {
            preconditionFailure("not hexadecimal: \(hex)")
        }
        return byte
    }
}
