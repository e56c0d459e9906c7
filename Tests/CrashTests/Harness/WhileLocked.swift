// SPDX-License-Identifier: Apache-2.0

import Glibc
import Participant

/// Tries again while a state folder is in use: a process that any test starts has a copy of this one's locks for a moment,
/// between fork and exec.
func whileLocked<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
    for _ in 0..<5000 {
        do {
            return try body()
        } catch ParticipantError.input(let reason) where reason.contains("in use") {
            usleep(1000)
        }
    }
    return try body()
}
