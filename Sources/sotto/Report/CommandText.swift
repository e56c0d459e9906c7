// SPDX-License-Identifier: Apache-2.0

/// The command that runs, as it could be typed into a shell.
enum CommandText {
    static var current: String {
        let arguments = CommandLine.arguments
        let name = arguments.first.map { $0.split(separator: "/").last.map(String.init) ?? $0 } ?? "sotto"
        return ([name] + arguments.dropFirst()).map(quoted).joined(separator: " ")
    }

    /// Single quotes where a shell would read more than the characters themselves.
    static func quoted(_ argument: String) -> String {
        let plain = argument.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:=,+@%".utf8.contains(byte)
            }
        }
        guard !plain || argument.isEmpty else { return argument }
        return "'" + argument.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
