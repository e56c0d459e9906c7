// SPDX-License-Identifier: Apache-2.0

import TOML
import Testing

/// What somebody wrote, in an error.
@Suite struct WordingTests {
    @Test func quoted() {
        #expect(Wording.quoted("people") == "'people'")
        #expect(Wording.shown("people") == "people")
        #expect(Wording.quoted("") == "''")
        // No end of line, no escape sequence, no change of direction.
        #expect(Wording.shown("a\nb\r\u{1B}[2J\u{2028}\u{202E}é") == "a\u{FFFD}b\u{FFFD}\u{FFFD}[2J\u{FFFD}\u{FFFD}é")
        #expect(Wording.shown(String(repeating: "x", count: 40)) == String(repeating: "x", count: 40))
        #expect(Wording.quoted(String(repeating: "x", count: 41)) == "'" + String(repeating: "x", count: 40) + "...'")
    }

    @Test func nearest() {
        let known = ["stride", "padding", "dilation"]
        #expect(Wording.nearest(to: "strides", of: known) == "stride")
        #expect(Wording.nearest(to: "Pading", of: known) == "padding")
        #expect(Wording.nearest(to: "heads", of: known) == nil)
        #expect(Wording.nearest(to: "stride", of: []) == nil)
    }
}
