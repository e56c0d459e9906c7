// SPDX-License-Identifier: Apache-2.0

import Cryptography
import Files
import TestKit
import Testing

@Suite("Checksummed files")
struct ChecksummedFileTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test("The file is the content and its SHA-256; the content comes back", arguments: [0, 1, 31, 32, 33, 1000])
    func roundTrip(count: Int) throws {
        let content = (0..<count).map { UInt8(truncatingIfNeeded: 37 * $0 + 1) }
        try ChecksummedFile.write(content, to: folder.file("a"))
        #expect(try folder.bytes(of: "a") == content + SHA256.hash(content))
        #expect(try folder.mode(of: "a") == 0o600)
        #expect(try ChecksummedFile.read(folder.file("a")) == content)
        #expect(try ChecksummedFile.read(folder.file("a"), limit: count) == content)
        if count > 0 {
            #expect(throws: FileError.self) { try ChecksummedFile.read(folder.file("a"), limit: count - 1) }
        }
    }

    @Test("Damage of any bit, and any other length, is found")
    func damage() throws {
        try ChecksummedFile.write(Array("content".utf8), to: folder.file("a"))
        let whole = try folder.bytes(of: "a")
        for index in whole.indices {
            for bit in 0..<8 {
                var damaged = whole
                damaged[index] ^= 1 << bit
                try folder.put(damaged, in: "a")
                #expect(throws: FileError.self, "byte \(index), bit \(bit)") {
                    try ChecksummedFile.read(folder.file("a"))
                }
            }
        }
        for count in whole.indices {
            try folder.put(Array(whole.prefix(count)), in: "a")
            #expect(throws: FileError.self, "\(count) bytes") { try ChecksummedFile.read(folder.file("a")) }
        }
        try folder.put(whole + [0], in: "a")
        let error = #expect(throws: FileError.self) { try ChecksummedFile.read(folder.file("a")) }
        #expect(error?.reason == "is damaged (its checksum does not fit); restore it from a backup")
    }

    @Test("No file is no content")
    func missing() throws {
        #expect(try ChecksummedFile.read(folder.file("none")) == nil)
    }
}
