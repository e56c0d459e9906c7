// SPDX-License-Identifier: Apache-2.0

/// Sizes that are checked before memory is taken.
package enum WireLimits {
    /// Bytes of any request or reply that carries no model and no update.
    package static let smallMessage = 16 * 1024

    /// The longest body of an update that is sent in one piece, and the length of the parts of a longer one.
    package static let uploadPart = 1 << 20

    /// Bytes that an upload may take, beside the coded values.
    package static let uploadOverhead = 8 * 1024

    /// The largest body of an update of `count` values in a ring of `bits` bits.
    ///
    /// Bit-packing is always possible and a client sends the smaller coding, so nothing longer is honest.
    package static func upload(count: Int, bits: Int) -> Int {
        let (product, overflow) = count.multipliedReportingOverflow(by: bits)
        precondition(!overflow && count >= 0 && bits >= 0, "a plan's size fits in memory")
        return product / 8 + 1 + uploadOverhead
    }
}
