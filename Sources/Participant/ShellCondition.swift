// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A condition of the owner's: a shell command that succeeds where this device may work.
package enum ShellCondition {
    /// Milliseconds until a condition that failed is asked again, beside jitter.
    package static let pause: UInt64 = 10_000
    /// Seconds that a command may take.
    package static let limitSeconds: UInt64 = 30

    package enum Outcome: Hashable {
        case holds
        /// It does not hold, or cannot be asked; the reason in a few words.
        case fails(String)
        /// Somebody asked the client to end.
        case stopped
    }

    /// Runs the command by `/bin/sh`, with nothing to read, its output thrown away, and without the device key.
    ///
    /// It is killed, with all that it started, when it takes too long or the client is to end.
    package static func check(
        _ command: String,
        unless isStopped: () -> Bool,
        limitMilliseconds: UInt64 = 1000 * limitSeconds
    ) -> Outcome {
        guard let process = spawn(command) else { return .fails("cannot be started") }
        let end = Pause.milliseconds() + limitMilliseconds
        var sleep: UInt64 = 1
        while true {
            var status: Int32 = 0
            let ended = unsafe waitpid(process, &status, WNOHANG)
            // A program that ignores SIGCHLD gets no status: it cannot be known that the condition holds.
            if ended < 0, errno != EINTR { return .fails("its status cannot be read") }
            if ended == process {
                guard status != 0 else { return .holds }
                let signal = status & 0x7F
                return .fails(signal == 0 ? "ended with status \(status >> 8 & 0xFF)" : "was ended by signal \(signal)")
            }
            let now = Pause.milliseconds()
            guard now < end, !isStopped() else {
                kill(-process, SIGKILL)
                while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
                return now < end ? .stopped : .fails("took over \(limitMilliseconds) ms")
            }
            Pause.sleep(min(sleep, end - now), unless: { false })
            sleep = min(2 * sleep, 100)
        }
    }

    /// Starts the command in a process group of its own.
    private static func spawn(_ command: String) -> pid_t? {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let words = ["/bin/sh", "-c", command]
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
        var process: pid_t = 0
        let code = unsafe posix_spawn(&process, "/bin/sh", &actions, &attributes, &arguments, environ)
        return code == 0 ? process : nil
    }
}
