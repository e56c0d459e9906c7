// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The executables of this package as they are shipped, found beside the tests.
package enum Executable {
    package static func path(_ name: String) throws -> String {
        guard let resolved = unsafe realpath("/proc/self/exe", nil) else {
            throw MissingExecutable(description: "/proc/self/exe: does not say where the tests are")
        }
        defer { unsafe free(resolved) }
        let own = unsafe String(cString: resolved)
        let path = own.prefix(upTo: own.lastIndex(of: "/") ?? own.endIndex) + "/" + name
        guard unsafe access(path, X_OK) == 0 else {
            throw MissingExecutable(description: "\(path): build it first, with swift build --build-tests")
        }
        return path
    }

    /// Runs a command to its end.
    ///
    /// - Parameter environment: what is added to this process's own.
    package static func run(
        _ name: String,
        _ arguments: [String],
        in folder: MemoryFolder,
        environment: [String: String] = [:]
    ) async throws -> Ended {
        try await RunningProcess(name, arguments, in: folder, environment: environment).ended()
    }
}

package struct MissingExecutable: Error, CustomStringConvertible {
    package let description: String
}

/// What did not happen in time.
package struct TooLate: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}

/// How a process ended and what it said.
package struct Ended {
    /// The exit status, or minus the signal.
    package let status: Int
    package let output: String
    package let errors: String

    /// What stands on standard error, when it is one line.
    package var complaint: String? {
        let lines = errors.split(separator: "\n")
        return lines.count == 1 ? String(lines[0]) : nil
    }
}

/// A process of ours; it is killed when this object ends.
package final class RunningProcess: @unchecked Sendable {
    private let pid: pid_t
    private let folder: MemoryFolder
    private let log: String
    /// What `waitpid` told of the end.
    private var end: Int32?

    /// - Parameter environment: what is added to this process's own.
    package convenience init(
        _ name: String,
        _ arguments: [String],
        in folder: MemoryFolder,
        environment: [String: String] = [:]
    ) throws {
        try self.init(path: Executable.path(name), arguments, in: folder, environment: environment)
    }

    /// A program of this machine.
    package init(
        path: String,
        _ arguments: [String],
        in folder: MemoryFolder,
        environment: [String: String] = [:]
    ) throws {
        self.folder = folder
        log = "log-\(UInt64.random(in: 0...UInt64.max))"
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for (descriptor, suffix) in [(Int32(1), ".out"), (2, ".err")] {
            unsafe posix_spawn_file_actions_addopen(
                &actions,
                descriptor,
                folder.file(log + suffix),
                O_WRONLY | O_CREAT | O_TRUNC,
                0o600
            )
        }
        // The threads of a test have signals blocked, and a new process would inherit that.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var nothingBlocked = sigset_t()
        unsafe sigemptyset(&nothingBlocked)
        unsafe posix_spawnattr_setsigmask(&attributes, &nothingBlocked)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe words.indices { unsafe free(words[index]) } }
        let settings =
            Self.inheritedEnvironment(without: environment.keys) + environment.map { "\($0.key)=\($0.value)" }
        var variables: [UnsafeMutablePointer<CChar>?] = unsafe settings.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe variables.indices { unsafe free(variables[index]) } }
        var pid = pid_t()
        let status = unsafe posix_spawn(&pid, path, &actions, &attributes, &words, &variables)
        guard status == 0 else { throw MissingExecutable(description: "\(path): does not start") }
        self.pid = pid
    }

    private static func inheritedEnvironment(without names: some Sequence<String>) -> [String] {
        var settings: [String] = []
        var place: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = unsafe environ
        while let entry = unsafe place.pointee {
            unsafe settings.append(String(cString: entry))
            unsafe place += 1
        }
        return settings.filter { setting in !names.contains { setting.hasPrefix($0 + "=") } }
    }

    deinit {
        guard end == nil else { return }
        _ = kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    package func signal(_ number: Int32) {
        if end == nil { _ = kill(pid, number) }
    }

    package var output: String { text(".out") }
    package var errors: String { text(".err") }

    private func text(_ suffix: String) -> String {
        String(decoding: folder.bytes(of: log + suffix) ?? [], as: UTF8.self)
    }

    /// Waits for the end, at most half a minute: then it is killed, which its status tells.
    package func ended() async throws -> Ended {
        for _ in 0..<3000 {
            if let ended = endedByNow() { return ended }
            try await Task.sleep(for: .milliseconds(10))
        }
        _ = kill(pid, SIGKILL)
        var status: Int32 = 0
        unsafe waitpid(pid, &status, 0)
        end = status
        return ended(status)
    }

    /// How it ended; `nil` while it runs.
    package func endedByNow() -> Ended? {
        if let end { return ended(end) }
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
        end = status
        return ended(status)
    }

    private func ended(_ status: Int32) -> Ended {
        let signal = Int(status & 0x7F)
        return Ended(status: signal == 0 ? Int(status >> 8) & 0xFF : -signal, output: output, errors: errors)
    }

    /// Waits until something is the case, at most half a minute.
    package func wait(_ what: String, until isSo: () throws -> Bool) async throws {
        for _ in 0..<6000 {
            if try isSo() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw TooLate(description: what)
    }
}
