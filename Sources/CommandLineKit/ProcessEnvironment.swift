// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Secrets that a service manager passes in the environment.
package enum SecretEnvironment {
    /// A variable's value, removed from the environment and overwritten there, so that processes that this one starts do not
    /// inherit it; `nil` where there is none. Called before there are other threads.
    package static func take(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        unsafe explicit_bzero(value, strlen(value))
        unsafe unsetenv(name)
        return text
    }
}

/// How much of the processor this process asks for.
package enum ProcessPriority {
    /// Gives way to others; a system that refuses leaves it as it was.
    package static func lower(by amount: Int) {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, Int32(amount))
    }
}
