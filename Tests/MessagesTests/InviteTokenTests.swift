// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Messages
import Randomness
import Rounds
import Testing

@Suite("Invites and hexadecimal")
struct InviteTokenTests {
    static let token = InviteToken(serverKeyHash: Array(0..<32), secret: Array(100..<116))
    static let text =
        "sotto1.000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f.6465666768696a6b6c6d6e6f70717273"

    @Test("An invite is its text, and the text is the invite")
    func roundTrip() throws {
        #expect(Self.token.description == Self.text)
        #expect(try InviteToken(Self.text) == Self.token)
        var stream = InsecureTestStream(seed: 1)
        for _ in 0..<200 {
            let token = InviteToken(
                serverKeyHash: (0..<32).map { _ in UInt8(stream.uniform(below: 256)) },
                secret: (0..<16).map { _ in UInt8(stream.uniform(below: 256)) }
            )
            #expect(try InviteToken(token.description) == token)
        }
    }

    static let wrong = [
        "", "sotto1", "sotto1..", "sotto2" + text.dropFirst(6), "SOTTO1" + text.dropFirst(6), " " + text, text + " ",
        text + "\n", text + ".", text + "00", String(text.dropLast()), String(text.dropLast(2)), text + "." + text,
        text.replacing("00", with: "0g"), text.replacing("64", with: "６４"), text.replacing("00", with: ""),
    ]

    @Test("Any other text is refused without being quoted", arguments: wrong)
    func refused(text: String) {
        let error = #expect(throws: WireError.self) { try InviteToken(text) }
        #expect(error?.description.contains("6465666768") == false)
    }

    @Test("Every byte is two lower-case digits; either case is read")
    func hexadecimal() {
        for byte in UInt8.min...UInt8.max {
            let digits = (byte < 16 ? "0" : "") + String(byte, radix: 16)
            #expect(Hexadecimal.text([byte]) == digits)
            #expect(Hexadecimal.bytes(digits) == [byte])
            #expect(Hexadecimal.bytes(digits.uppercased()) == [byte])
        }
        #expect(Hexadecimal.text([]).isEmpty && Hexadecimal.bytes("") == [])
        for text in ["0", "000", "0g", "g0", "/0", ":0", "@0", "G0", "`0", " 0", "+1", "-1", "0x", "é"] {
            #expect(Hexadecimal.bytes(text) == nil, "\(text)")
        }
    }

    @Test("Routes")
    func paths() {
        let round = RoundIdentifier(task: "t", round: 3, attempt: 2)
        #expect(Paths.update(round) == "/v1/tasks/t/rounds/3/attempts/2/update")
        #expect(Paths.blob([0xAB, 1]) == "/v1/blobs/ab01")
        #expect(Paths.task("t") == "/v1/tasks/t")
    }
}
