// SPDX-License-Identifier: Apache-2.0

import Models
import Networks
import Testing

/// A model file is TOML 1.0 in all its forms; what is not TOML is one line that names the file and the place.
@Suite struct TOMLTests {
    private static let head = "input = [2]\nclasses = 2\n"
    private static let layer = "[[layer]]\nkind = 'linear'\noutputs = 2\n"

    @Test func forms() throws {
        for form in [
            "\"input\" = [2]\n'classes' = 2\n" + Self.layer,
            " input=[ 2 , ]#c\r\n\tclasses\t=\t2\r\n\r\n[[ layer ]] # first\r\nkind='linear'\r\noutputs=2",
            "input = [\n  # one extent\n  2\n]\nclasses = 2\nlayer = [\n{ kind = \"linear\", outputs = 2 },\n]\n",
            "input = [2]\nclasses = 2\n[[layer]]\nkind = 'sequence'\n[[layer.layers]]\nkind = 'linear'\noutputs = 2",
            "input = [0x2]\nclasses = +2\n" + Self.layer,
        ] {
            #expect(try model(form).parameterCount == 6)
        }
        #expect(
            refusal("name = \"\\b\\t\\n\\f\\r\\\"\\\\\"\n" + Self.head + Self.layer)
                == "my.toml: name is '\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\"\\', but must be 1 to 64 of a-z A-Z 0-9 . _ -"
        )
    }

    @Test func numbers() {
        func rate(_ text: String) -> String? {
            refusal(Self.head + "[[layer]]\nkind = 'dropout'\nrate = \(text)\n" + Self.layer)
        }
        for text in ["0", "0.5", "5e-1", "-0.0", "0x0"] { #expect(rate(text) == nil, "\(text)") }
        for text in ["inf", "+inf", "nan", "-nan", "1e999"] {
            #expect(rate(text)?.hasSuffix("but must be a number from 0 to below 1") == true, "\(text)")
        }
        #expect(rate("half") == "my.toml: line 5: 'half' is not a value; strings need quotes")
    }

    @Test func errors() {
        #expect(refusal("[!]") == "my.toml: line 1: expected a key, found '!'")
        #expect(refusal(Self.head + "a = ,") == "my.toml: line 3: expected a value, found ','")
        #expect(throws: ModelError.file("my.toml", reason: "is not UTF-8 text; a model file is TOML")) {
            try ModelSource.parse([0x61, 0xFF], file: "my.toml")
        }
    }
}
