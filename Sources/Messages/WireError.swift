// SPDX-License-Identifier: Apache-2.0

/// A message that cannot be accepted; one line: what, where, what would be right. It never quotes a payload.
package struct WireError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
