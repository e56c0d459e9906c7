// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Glibc
internal import Synchronization

/// A PostgreSQL server of the tests' own, in a temporary folder. It ends with this process, however that ends.
///
/// The superuser may not run PostgreSQL; the user `postgres` of the package does it then.
package final class PostgresCluster: Sendable {
    /// Where the programs of the package are, or `nil` where it is not installed.
    private static let programs: String? = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let packaged = versions.compactMap(Int.init).sorted(by: >).map { "\(root)/\($0)/bin" }
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
        return (packaged + path.split(separator: ":").map(String.init)).first { folder in
            unsafe access(folder + "/initdb", X_OK) == 0 && access(folder + "/postgres", X_OK) == 0
        }
    }()

    /// Whether the package is installed; otherwise says once what installs it.
    package static let isInstalled: Bool = {
        if programs == nil { print("PostgreSQL is not installed: its tests are skipped (Tools/setup.sh installs it)") }
        return programs != nil
    }()

    /// The server that all tests of this process share, each with a database of its own.
    package static func shared() throws -> PostgresCluster {
        try sharedResult.get()
    }

    private static let sharedResult = Result { try PostgresCluster() }

    private let programs: String
    /// The folder of the data and of the socket `.s.PGSQL.5432`.
    package let folder: String
    /// The port on 127.0.0.1, or 0 for none.
    package let port: Int
    private let databases = Mutex(0)
    /// The end of a pipe whose closing, at the latest with this process, makes the watchdog stop the server.
    private let leash: Int32

    /// Makes and starts a server.
    package init(tcp: Bool = false) throws {
        guard let programs = Self.programs else { throw ClusterFailure("PostgreSQL is not installed") }
        self.programs = programs
        folder = "/tmp/sotto-pg-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        port = tcp ? Self.freePort() : 0
        let script = """
            mkdir -m 700 "$0" && { [ -z "$1" ] || chown "$1" "$0"; } && echo made && read -r line
            if [ -f "$0/data/postmaster.pid" ]; then
                pid=$(head -n 1 "$0/data/postmaster.pid")
                kill -QUIT "$pid"
                for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.3; done
                kill -KILL "$pid" 2>/dev/null
            fi
            rm -rf "$0"
            """
        let isRoot = geteuid() == 0
        // A session of its own: what ends the tests from the keyboard does not end it.
        leash = try Self.startWatchdog([
            "/usr/bin/setsid", "--fork", "/bin/sh", "-c", script, folder, isRoot ? "postgres" : "",
        ])
        try run(
            "initdb",
            ["-D", folder + "/data", "-U", "sotto", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        )
        try start()
    }

    deinit {
        close(leash)
    }

    /// Starts the server and waits until it answers; after a crash, until it has recovered.
    package func start() throws {
        let options = """
            -c unix_socket_directories=\(folder) -c listen_addresses=\(port > 0 ? "127.0.0.1" : "''") \
            -c port=\(port > 0 ? port : 5432) -c max_connections=200 -c shared_buffers=64MB -c autovacuum=off \
            -c max_wal_size=512MB
            """
        // Processes of a killed server hold its memory until they have noticed.
        for attempt in 1... {
            do {
                try run(
                    "pg_ctl",
                    ["-D", folder + "/data", "-l", folder + "/log", "-w", "-t", "60", "-o", options, "start"]
                )
                return
            } catch  where attempt < 20 {
                usleep(200_000)
            }
        }
    }

    /// Kills the server with all of its processes as a power cut would: without a word to anybody.
    package func kill9() throws {
        let file = folder + "/data/postmaster.pid"
        guard let data = FileManager.default.contents(atPath: file),
            let pid = String(decoding: data, as: UTF8.self).split(separator: "\n").first.flatMap({ pid_t($0) })
        else { throw ClusterFailure("\(file): does not say which process is the server") }
        // So that it makes no further process meanwhile.
        kill(pid, SIGSTOP)
        for child in try Self.children(of: pid) + [pid] { kill(child, SIGKILL) }
    }

    /// The processes that a process has started and that still run (proc(5), `stat`).
    private static func children(of parent: pid_t) throws -> [pid_t] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }.filter { pid in
            guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return false }
            // Behind the name, which may hold anything: the state, and the parent.
            let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 1 && pid_t(fields[1]) == parent
        }
    }

    /// Stops the server at once and starts it again.
    package func restart() throws {
        try run("pg_ctl", ["-D", folder + "/data", "-w", "-m", "fast", "stop"])
        try start()
    }

    /// Makes an empty database.
    ///
    /// - Returns: its URL.
    package func makeDatabase(encoding: String = "UTF8") throws -> String {
        let number = databases.withLock { number in
            number += 1
            return number
        }
        let name = "test\(number)"
        try sql("CREATE DATABASE \(name) TEMPLATE template0 ENCODING '\(encoding)' LOCALE 'C'")
        return url(name)
    }

    /// The URL of a database through the socket, or through another folder's.
    package func url(_ name: String, folder: String? = nil) -> String {
        let place = (folder ?? self.folder).replacing("/", with: "%2F")
        return "postgres://sotto@\(place):\(port > 0 ? port : 5432)/\(name)"
    }

    /// Runs SQL beside the code under test.
    ///
    /// - Returns: the rows, columns by `|`.
    @discardableResult
    package func sql(_ text: String, database: String = "postgres") throws -> [String] {
        let port = "\(port > 0 ? port : 5432)"
        let output = try run(
            "psql",
            [
                "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", port, "-U", "sotto", "-d",
                database, "-c", text,
            ]
        )
        return output.split(separator: "\n").map(String.init)
    }

    /// Whether the bytes are anywhere in what the server keeps of a database, without its write-ahead log.
    package func holds(_ bytes: [UInt8], database: String) throws -> Bool {
        let number = try sql("CHECKPOINT; SELECT oid FROM pg_database WHERE datname = '\(database)'").first ?? ""
        let base = folder + "/data/base/" + number
        return try FileManager.default.subpathsOfDirectory(atPath: base).contains { name in
            guard let data = FileManager.default.contents(atPath: base + "/" + name) else { return false }
            return [UInt8](data).holds(bytes)
        }
    }

    // MARK: Processes

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) throws -> String {
        let words = [programs + "/" + program] + arguments
        // A path of the superuser's is nothing that the other user can be in.
        let command = geteuid() == 0 ? ["/usr/sbin/runuser", "-u", "postgres", "--"] + words : words
        let output = "/tmp/sotto-pg-output-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        defer { unsafe unlink(output) }
        let pid = try Self.spawn(command, input: nil, output: output)
        var status: Int32 = 0
        unsafe waitpid(pid, &status, 0)
        let text = FileManager.default.contents(atPath: output).map { String(decoding: $0, as: UTF8.self) } ?? ""
        guard status == 0 else { throw ClusterFailure("\(program): \(text)") }
        return text
    }

    private static func startWatchdog(_ command: [String]) throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw ClusterFailure("there is no pipe") }
        // Other processes of the tests must not hold the leash.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let ready = "/tmp/sotto-pg-ready-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        defer { unsafe unlink(ready) }
        // The watchdog is nobody's child: one that has ended and is not waited for keeps the test library, which waits for
        // any child, from hearing of its own.
        let parent = try spawn(command, input: ends[0], output: ready)
        var status: Int32 = 0
        unsafe waitpid(parent, &status, 0)
        close(ends[0])
        for _ in 0..<1000 {
            if let said = FileManager.default.contents(atPath: ready), !said.isEmpty { return ends[1] }
            usleep(10_000)
        }
        close(ends[1])
        throw ClusterFailure("the watchdog does not start")
    }

    private static func spawn(_ command: [String], input: Int32?, output: String) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if let input {
            unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var nothingBlocked = sigset_t()
        unsafe sigemptyset(&nothingBlocked)
        unsafe posix_spawnattr_setsigmask(&attributes, &nothingBlocked)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = unsafe command.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe words.indices { unsafe free(words[index]) } }
        var pid = pid_t()
        guard unsafe posix_spawn(&pid, command[0], &actions, &attributes, &words, environ) == 0 else {
            throw ClusterFailure("\(command[0]): does not start")
        }
        return pid
    }

    /// A port that nobody listens on at this moment.
    private static func freePort() -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = unsafe bind(descriptor, pointer, length)
                _ = unsafe getsockname(descriptor, pointer, &length)
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

extension [UInt8] {
    /// Whether these bytes are somewhere within.
    package func holds(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, count >= bytes.count else { return bytes.isEmpty }
        return unsafe withUnsafeBufferPointer { whole in
            (0...count - bytes.count).contains { start in
                unsafe whole[start] == first
                    && UnsafeBufferPointer(rebasing: whole[start..<start + bytes.count]).elementsEqual(bytes)
            }
        }
    }
}

/// Why there is no server.
package struct ClusterFailure: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
