// SPDX-License-Identifier: Apache-2.0

import Datasets
import FoundationEssentials
import TestKit
import Testing

@Suite("IDX files")
struct IDXTests {
    private static let names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]

    @Test("Compressed and plain files give the pixels and labels that the fixture's rule states")
    func reads() throws {
        let folder = try Folder()
        let (train, test) = try DatasetSource.load("idx:\(folder.path)")
        #expect(train.count == 7 && test.count == 3)
        #expect(train.exampleShape == [1, 4, 3] && train.classes == 10 && !train.isPublic)
        #expect(train.declaredPublic().isPublic)
        for index in 0..<7 {
            #expect(features(of: train, index) == (0..<12).map { Float((37 * index + 11 * $0) % 256) / 255 })
            #expect(train.label(index) == Int32(3 * index % 10))
        }
        for index in 0..<3 {
            #expect(features(of: test, index) == (0..<12).map { Float((101 * index + 13 * $0 + 5) % 256) / 255 })
            #expect(test.label(index) == Int32((7 * index + 1) % 10))
        }
        let part = try DatasetSource.load("idx:\(folder.path):3/3").train
        #expect(part.count == 2 && part.label(1) == 5)
        #expect(try DatasetSource.plannedBytes("idx:\(folder.path)") >= train.plannedBytes + test.plannedBytes)
    }

    @Test("A missing directory, a missing file and a directory in a file's place are refused")
    func missing() throws {
        let folder = try Folder()
        try folder.remove("t10k-labels-idx1-ubyte")
        #expect(throws: DatasetError.missing(file: "\(folder.path)/t10k-labels-idx1-ubyte")) { try folder.load() }
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/t10k-labels-idx1-ubyte",
            withIntermediateDirectories: true
        )
        #expect(throws: DatasetError.self) { try folder.load() }
        #expect(throws: DatasetError.self) { try DatasetSource.load("idx:/nowhere") }
    }

    @Test("A compressed file that is cut anywhere is refused", arguments: names)
    func truncatedCompressed(name: String) throws {
        let folder = try Folder()
        let bytes = try fixture("datasets/idx/\(name).gz")
        for length in 0..<bytes.count {
            try folder.write(Array(bytes[..<length]), to: name + ".gz")
            #expect(throws: DatasetError.self, "length \(length)") { try folder.load() }
        }
    }

    @Test("A compressed file with a damaged checksum is refused")
    func damaged() throws {
        let folder = try Folder()
        var bytes = try fixture("datasets/idx/\(Self.names[0]).gz")
        bytes[bytes.count - 6] ^= 1
        try folder.write(bytes, to: Self.names[0] + ".gz")
        #expect(throws: DatasetError.self) { try folder.load() }
    }

    @Test("A plain file that is short or long by a byte, or has another magic, is refused for that reason")
    func plainLengths() throws {
        let folder = try Folder()
        let name = "t10k-images-idx3-ubyte"
        let file = "\(folder.path)/\(name)"
        let bytes = try fixture("datasets/idx/\(name)")
        try folder.write(Array(bytes.dropLast()), to: name)
        #expect(throws: DatasetError.truncated(file: file, found: 51, expected: 52)) { try folder.load() }
        try folder.write(bytes + [0], to: name)
        #expect(throws: DatasetError.oversized(file: file, expected: 52)) { try folder.load() }
        try folder.write([0, 0, 8, 1] + bytes[4...], to: name)
        #expect(throws: DatasetError.wrongMagic(file: file, found: 0x801, expected: 0x803)) { try folder.load() }
        for length in 0..<16 {
            try folder.write(Array(bytes[..<length]), to: name)
            #expect(throws: DatasetError.self) { try folder.load() }
        }
    }

    @Test("A header beyond the limits, or beyond what the file can hold, is refused before memory is taken")
    func lyingHeader() throws {
        let folder = try Folder()
        let name = "t10k-images-idx3-ubyte"
        let file = "\(folder.path)/\(name)"
        func header(_ count: UInt32, _ rows: UInt32, _ columns: UInt32) -> [UInt8] {
            [0x803, count, rows, columns].flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) }
            }
        }
        try folder.write(header(.max, 28, 28), to: name)
        #expect(
            throws: DatasetError.dimensionOutOfRange(
                file: file,
                what: "images",
                found: 4_294_967_295,
                limit: 0...10_000_000
            )
        ) { try folder.load() }
        try folder.write(header(1, 28, 0), to: name)
        #expect(throws: DatasetError.dimensionOutOfRange(file: file, what: "columns", found: 0, limit: 1...4096)) {
            try folder.load()
        }
        try folder.write(header(10_000_000, 4096, 4096), to: name)
        #expect(throws: DatasetError.self) { try folder.load() }
        try folder.write(header(2_000_000, 28, 28), to: name)
        #expect(throws: DatasetError.truncated(file: file, found: 16, expected: 1_568_000_016)) { try folder.load() }
    }

    @Test("A label that is no class, different counts and different shapes are refused")
    func contents() throws {
        let folder = try Folder()
        let labels = "t10k-labels-idx1-ubyte"
        try folder.write([0, 0, 8, 1, 0, 0, 0, 3, 1, 10, 2], to: labels)
        #expect(throws: DatasetError.labelOutOfRange(file: "\(folder.path)/\(labels)", classes: 10)) {
            try folder.load()
        }
        try folder.write([0, 0, 8, 1, 0, 0, 0, 2, 1, 2], to: labels)
        #expect(throws: DatasetError.self) { try folder.load() }
        try folder.write([0, 0, 8, 1, 0, 0, 0, 1, 1], to: labels)
        try folder.write([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9], to: "t10k-images-idx3-ubyte")
        #expect(throws: DatasetError.self) { try folder.load() }
    }
}

/// A copy of the fixture's four files, removed when the test ends.
private final class Folder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "sotto-idx-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for name in [
            "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        ] {
            try write(fixture("datasets/idx/\(name)"), to: name)
        }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }

    func load() throws -> (train: Dataset, test: Dataset) {
        try DatasetSource.load("idx:\(path)")
    }
}
