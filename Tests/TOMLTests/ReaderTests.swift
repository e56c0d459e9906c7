// SPDX-License-Identifier: Apache-2.0

import TOML
import Testing

/// Every form of key and value of TOML 1.0, and every way to get one wrong.
@Suite struct ReaderTests {
    private func value(_ text: String) throws -> TOMLValue? { try TOMLReader.table("a = \(text)")["a"] }

    @Test func integers() throws {
        for text in ["16", "+16", "0x10", "0o20", "0b1_0000", "1_6", "16 # sixteen"] {
            #expect(try value(text)?.integer == 16, "\(text)")
        }
        #expect(try value("-9223372036854775808")?.integer == .min)
        #expect(try value("9223372036854775807")?.integer == .max)
        #expect(try value("16")?.number == 16)
        #expect(try value("16")?.boolean == nil)
    }

    @Test func floats() throws {
        for text in ["0.5", "5e-1", "5E-1", "+0.5", "0.5_0", "5_0.0e-2"] {
            #expect(try value(text)?.number == 0.5, "\(text)")
            #expect(try value(text)?.integer == nil, "\(text)")
        }
        for text in ["0", "-0.0", "0b0", "0x0", "0e0"] { #expect(try value(text)?.number == 0, "\(text)") }
        for text in ["inf", "+inf", "1e999"] { #expect(try value(text)?.number == .infinity, "\(text)") }
        #expect(try value("-inf")?.number == -.infinity)
        for text in ["nan", "+nan", "-nan"] { #expect(try value(text)?.number?.isNaN == true, "\(text)") }
    }

    @Test func words() {
        for text in [
            "00", "01.5", ".5", "5.", "1.e2", "1e", "_1", "1_", "1__0", "1._5", "5_e-3", "1E_0", "0x", "0x+1", "+0x1",
            "0xG", "0b2",
            "1-2", "--1",
            "99999999999999999999", "1979-05-27", "07:32:00", "tru", "True", "NaN", "infinity", "0x1p3", "e1",
        ] {
            #expect(refusal("\na = \(text)") == "line 2: '\(text)' is not a value; strings need quotes", "\(text)")
        }
    }

    @Test func strings() throws {
        for text in [
            "\"a-b\"", "'a-b'", "\"a\\u002Db\"", "\"\\U00000061-b\"", "'''a-b'''", "\"\"\"a-b\"\"\"", "'''\na-b'''",
            "\"\"\"\\\n   a\\   \n\n  -b\"\"\"", "\"\"\"\r\na-b\"\"\"",
        ] {
            #expect(try value(text)?.string == "a-b", "\(text)")
        }
        // Quotes next to the closing ones belong to the string.
        #expect(try value("\"\"\"a\"\"\"\"\"")?.string == "a\"\"")
        #expect(try value("\"\\b\\t\\n\\f\\r\\\"\\\\\"")?.string == "\u{8}\t\n\u{C}\r\"\\")
    }

    @Test func keysAndTables() throws {
        let expected = canonical(try TOMLReader.table("a = [2]\nc = 2\n[[l]]\nk = 'x'\no = 2"))
        for text in [
            "\"a\" = [2]\n'c' = 2\n[[l]]\nk = 'x'\no = 2\n",
            " a=[ 2 , ]#c\r\n\tc\t=\t2\r\n\r\n[[ l ]] # first\r\nk='x'\r\no=2",
            "a = [\n  # one\n  2\n]\nc = 2\nl = [\n{ k = \"x\", o = 2 },\n]\n",
        ] {
            #expect(canonical(try TOMLReader.table(text)) == expected, "\(text)")
        }
        let table = try TOMLReader.table(
            "b = 1\na.b.c = true\n[[l]]\n[[l.m]]\nx = 1\n[[l.m]]\n[[l]]\n[e.f]\n[e]\ny = 2"
        )
        #expect(table.keys == ["a", "b", "e", "l"])
        #expect(table["a"]?.table?["b"]?.table?["c"]?.boolean == true)
        #expect(table["l"]?.array?.count == 2)
        #expect(table["l"]?.array?[0].table?["m"]?.array?.map { $0.table?.keys } == [["x"], []])
        #expect(table["e"]?.table?.keys == ["f", "y"])
        // Dotted keys may add to a table that only a longer header has named.
        let added = try TOMLReader.table("[a.b.c]\n[a]\nb.d = 1")
        #expect(added["a"]?.table?["b"]?.table?.keys == ["c", "d"])
    }

    @Test func errors() {
        let deep = "tables and lists are more than 128 deep"
        for (text, line) in [
            ("a = ,", "line 1: expected a value, found ','"),
            ("a = # 3", "line 1: expected a value, found '#'"),
            ("a =", "line 1: expected a value, found the end of the file"),
            ("a = 1 2", "line 1: expected the end of the line, found '2'"),
            ("\n\na\n", "line 3: expected =, found the end of the line"),
            ("= 1", "line 1: expected a key, found '='"),
            ("é = 1", "line 1: expected a key, found 'é'"),
            ("a. = 1", "line 1: expected a key, found '='"),
            ("[!]", "line 1: expected a key, found '!'"),
            ("[]", "line 1: expected a key, found ']'"),
            ("[a", "line 1: expected ], found the end of the file"),
            ("[[a]\n", "line 1: expected ]], found the end of the line"),
            ("a = [1 2]", "line 1: expected , or ], found '2'"),
            ("a = [1,, 2]", "line 1: expected a value, found ','"),
            ("a = {b = 1 c = 2}", "line 1: expected , or }, found 'c'"),
            ("a = {b = 1,}", "line 1: expected a key, found '}'"),
            ("a = {b = 1\n}", "line 1: expected , or }, found the end of the line"),
            ("a = 'b\n", "line 1: a string is not closed, or has a control character"),
            ("a = '''b\n", "line 2: a string is not closed"),
            ("a = \"b\\q\"", "line 1: a string has an unknown escape; a \\ itself is \\\\"),
            ("a = \"b\\", "line 1: a string has an unknown escape; a \\ itself is \\\\"),
            ("a = \"\\u12G4\"", "line 1: an escape needs 4 hexadecimal digits"),
            ("a = \"\\uD800\"", "line 1: an escape names no character"),
            ("# \u{1}", "line 1: a comment has a control character"),
            ("a = 1\r", "line 1: expected the end of the line, found the end of the line"),
            ("name = \u{0}1", "line 1: expected a value, found '\u{FFFD}'"),
            ("a = 1\na = 2", "line 2: 'a' is already there"),
            ("[a]\n[a]", "line 2: 'a' is already there"),
            ("[[a]]\n[a]", "line 2: 'a' is already there"),
            ("a = []\n[[a]]", "line 2: 'a' is already there"),
            ("a = {b = 1}\n[a.c]", "line 2: 'a' is already there, and nothing can be added to it"),
            ("a = {b = 1}\na.c = 1", "line 2: 'a' is already there, and nothing can be added to it"),
            ("[a]\nb.c = 1\n[a.b]", "line 3: 'b' is already there"),
            ("[a.b.c]\n[a]\nb.d = 1\n[a.b]", "line 4: 'b' is already there"),
            ("[a.b]\n[a]\nb.c = 1", "line 3: 'b' is already there, and nothing can be added to it"),
            ("a = " + String(repeating: "[", count: 100_000), "line 1: \(deep)"),
            ("a = " + String(repeating: "{a=", count: 100_000), "line 1: \(deep)"),
            ("a" + String(repeating: ".a", count: 100_000) + " = 1", "line 1: \(deep)"),
            ("[a" + String(repeating: ".a", count: 100_000) + "]", "line 1: \(deep)"),
        ] {
            #expect(refusal(text) == line)
        }
    }
}
