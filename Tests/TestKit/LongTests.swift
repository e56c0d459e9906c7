// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whether `make test-long` runs the tests: more samples, same false-alarm rate, so that smaller errors are found.
package enum LongTests {
    package static let isOn = unsafe getenv("SOTTO_LONG_TESTS") != nil

    /// `count` in a quick run, 20 times as many in a long one.
    package static func scaled(_ count: Int) -> Int { isOn ? 20 * count : count }
}
