// SPDX-License-Identifier: Apache-2.0

import Models
import Networks
import TestKit
import Testing

/// What docs/models.md shows is what the room does.
@Suite struct DocumentTests {
    private static func page() throws -> String {
        String(decoding: try fixture("../../docs/models.md"), as: UTF8.self)
    }

    /// The page's blocks of TOML by the name of their model.
    private static func example(_ name: String) throws -> String {
        let blocks = try page().split(separator: "```toml\n").dropFirst().compactMap {
            $0.split(separator: "```").first
        }
        return String(try #require(blocks.first { $0.hasPrefix("name = \"\(name)\"\n") }))
    }

    @Test func presetAsFile() throws {
        let made = try model(try Self.example("tanh-cnn"))
        let preset = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
        #expect(made.name == preset.name)
        #expect(made.parameterCount == 26_010)
        expectSame(made, preset)
    }

    @Test func residualNetwork() throws {
        let made = try model(try Self.example("small-resnet"))
        #expect(
            made.layout.slices.map(\.name) == [
                "stem.weight", "1.weight", "1.bias", "block.0.weight", "block.0.bias", "block.1.weight", "block.1.bias",
                "block.3.weight", "block.3.bias", "block.shortcut.0.weight", "block.shortcut.0.bias", "head.weight",
                "head.bias",
            ]
        )
        #expect(areFinite(logits(made)))
    }

    @Test func textClassifier() throws {
        let made = try model(try Self.example("small-text"))
        #expect(made.input == Shape([64]) && made.labelsPerExample == 1)
        #expect(made.layout.slices.first?.shape == Shape([5000, 32]))
        #expect(areFinite(logits(made)))
    }

    /// The table of kinds has all of them with all of their keys, and the table of keys says what each means.
    @Test func tables() throws {
        let rows = try Self.page().split(separator: "\n").filter { $0.hasPrefix("| `") }
            .map { $0.split(separator: "|").map { words(in: $0) } }
        for kind in LayerKind.allCases {
            let row = try #require(rows.first { $0[0] == [kind.rawValue] && $0[1] == kind.keys }, "\(kind)")
            #expect(row.count == 3)
            for key in kind.keys { #expect(rows.contains { $0[0] == [key] }, "\(key)") }
        }
    }

    private func areFinite(_ rows: [[Float]]) -> Bool { rows.allSatisfy { $0.allSatisfy(\.isFinite) } }

    /// What stands between backquotes.
    private func words(in cell: Substring) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    }
}
