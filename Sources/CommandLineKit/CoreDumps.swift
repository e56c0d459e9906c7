// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Memory of these processes holds keys, noise and raw sums; it must not land in a file when one crashes.
package enum CoreDumps {
    /// Forbids core dumps for the rest of the process.
    package static func forbid() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }
}
