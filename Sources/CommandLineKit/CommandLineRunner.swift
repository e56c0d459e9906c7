// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Runs a command and ends the process with a status of ``ExitStatus``.
///
/// Errors go to standard error as one line. Help and version requests, and everything that a command prints, go to
/// standard output. An error decides its status by conforming to ``ExitError``; other errors end with 1, and what the
/// argument parser refuses with 2.
package enum CommandLineRunner {
    /// Parses the process's arguments, runs the command, and exits.
    package static func main(_ command: (some ParsableCommand).Type) -> Never {
        do {
            var parsed = try command.parseAsRoot()
            try parsed.run()
        } catch {
            exit(with: error, of: command)
        }
        leave(.success)
    }

    /// Parses the process's arguments, runs the command, which may suspend, and exits.
    package static func main(_ command: (some AsyncParsableCommand).Type) async -> Never {
        do {
            var parsed = try command.parseAsRoot()
            if var suspending = parsed as? any AsyncParsableCommand {
                try await suspending.run()
            } else {
                try parsed.run()
            }
        } catch {
            exit(with: error, of: command)
        }
        leave(.success)
    }

    private static func exit(with error: any Error, of command: any ParsableCommand.Type) -> Never {
        if let error = error as? any ExitError {
            complain(error.description, command)
            leave(error.exitStatus)
        }
        let code = command.exitCode(for: error)
        if code == .success {
            print(command.fullMessage(for: error))
            leave(.success)
        }
        complain(command.message(for: error), command)
        leave(code == .validationFailure ? .badInput : .failure)
    }

    private static func complain(_ message: String, _ command: any ParsableCommand.Type) {
        let lines = message.split(separator: "\n").map { $0.trimmingPrefix(while: \.isWhitespace) }
        StandardError.write("\(command._commandName): \(lines.joined(separator: "; "))\n")
    }

    private static func leave(_ status: ExitStatus) -> Never {
        fflush(nil)
        #if canImport(Musl)
        Musl.exit(status.rawValue)
        #else
        Glibc.exit(status.rawValue)
        #endif
    }
}
