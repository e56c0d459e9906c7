// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import Participant
import Testing

// The example of docs/client.md, compiled.
// begin example
func takePart(invite: String?) throws -> ParticipantReport {
    let configuration = ParticipantConfiguration(
        server: try ServerAddress("https://sotto.example.org"),
        invite: invite,
        data: "idx:/var/lib/app/data",
        stateFolder: "/var/lib/app/sotto",
        memoryLimit: 256 << 20,
        maximumEpsilon: 4,
        maximumEpsilonAgainstServer: 20
    )
    return try Participant(configuration: configuration, logger: Logger(label: "app")).run()
}
// end example

@Suite("Participant as a library")
struct LibraryTests {
    @Test("The example in the documentation is the one that is compiled here")
    func example() throws {
        let source = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(lines.firstIndex(of: "// begin example"))
        let end = try #require(lines.firstIndex(of: "// end example"))
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/client.md")
        let text = try String(contentsOf: path, encoding: .utf8)
        let example = ["```swift", "import Logging", "import Participant", ""] + lines[begin + 1..<end] + ["```"]
        let page = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(page.indices.contains { page[$0...].starts(with: example) })
        // On a machine without the data it ends with one line.
        let error = #expect(throws: ParticipantError.self) { try takePart(invite: nil) }
        #expect(error?.description.contains("/var/lib/app/data") == true)
    }
}
