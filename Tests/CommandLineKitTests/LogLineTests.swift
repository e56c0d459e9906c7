// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import FoundationEssentials
import Logging
import TestKit
import Testing

@Suite("Lines of the log")
struct LogLineTests {
    private let awkward = LogLine(
        label: "sotto-server",
        level: .warning,
        message: "it \"says\" so\nand more",
        metadata: [
            "status": .stringConvertible(404), "took": .stringConvertible(1.5), "path": "/a b", "plain": "x-1",
            "line": "a\nb",
        ]
    )

    @Test("Text is one line for a person; values that could be misread are quoted")
    func text() {
        let line = LogLine(
            label: "l",
            level: .info,
            message: "round 1 open",
            metadata: ["b": "x y", "a": "1", "c": ""]
        )
        #expect(
            line.text(.text, time: Date(timeIntervalSince1970: 0)) == "l: info: round 1 open a=1 b=\"x y\" c=\"\"\n"
        )
        #expect(
            LogLine(label: "l", level: .notice, message: "m", metadata: [:]).text(.text, time: .now) == "l: notice: m\n"
        )
        #expect(awkward.text(.text, time: .now).contains("line=\"a\\nb\""))
    }

    @Test("JSON is one object a line, with the time in UTC and numbers as numbers")
    func json() throws {
        let line = awkward.text(.json, time: Date(timeIntervalSince1970: 1_700_000_000.25))
        #expect(line.hasSuffix("}\n") && line.dropLast().contains("\n") == false)
        let object = try JSONValue(Array(line.utf8))
        #expect(object["time"] == .string("2023-11-14T22:13:20.250Z"))
        #expect(object["level"] == .string("warning") && object["label"] == .string("sotto-server"))
        #expect(object["message"] == .string("it \"says\" so\nand more"))
        #expect(object["status"] == .number(404) && object["took"] == .number(1.5) && object["path"] == .string("/a b"))
    }
}
