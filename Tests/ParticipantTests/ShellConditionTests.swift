// SPDX-License-Identifier: Apache-2.0

import Participant
import TestKit
import Testing

@Suite("Conditions of the owner's")
struct ShellConditionTests {
    @Test("A command holds when it succeeds, and its failure is told in a few words")
    func outcomes() {
        let cases: [(String, ShellCondition.Outcome)] = [
            ("true", .holds), ("exit 0; exit 1", .holds), ("test 1 -lt 2 && echo much | cat", .holds),
            ("false", .fails("ended with status 1")), ("exit 7", .fails("ended with status 7")),
            ("no-such-command-anywhere", .fails("ended with status 127")), ("read line", .fails("ended with status 1")),
            ("kill -9 $$", .fails("was ended by signal 9")),
        ]
        for (command, expected) in cases {
            #expect(ShellCondition.check(command, unless: { false }) == expected, "\(command)")
        }
    }

    @Test("A command that takes too long is ended with all that it started, and so is one when the client is to end")
    func ends() throws {
        let folder = try MemoryFolder()
        // The child would leave a file when it came to its end.
        let command = "(sleep 3; touch \(folder.file("late"))) & sleep 1000"
        #expect(ShellCondition.check(command, unless: { false }, limitMilliseconds: 100) == .fails("took over 100 ms"))
        #expect(ShellCondition.check(command, unless: { true }) == .stopped)
        #expect(ShellCondition.check("sleep 4", unless: { false }) == .holds)
        #expect(folder.bytes(of: "late") == nil)
    }
}
