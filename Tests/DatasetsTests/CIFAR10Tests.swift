// SPDX-License-Identifier: Apache-2.0

import Datasets
import TestKit
import Testing

@Suite("CIFAR-10 files")
struct CIFAR10Tests {
    @Test("Batches are read in the order of their numbers, planes as channels, bytes from -1 to 1")
    func reads() throws {
        let folder = try Self.folder()
        try folder.put((0..<3).flatMap { Self.record(200 + $0) }, in: "data_batch_10.bin")
        let (train, test) = try DatasetSource.load("cifar10:\(folder.path)")
        #expect(train.exampleShape == [3, 32, 32] && train.classes == 10 && !train.isPublic && !test.isPublic)
        let numbers = [0, 1, 100, 200, 201, 202]
        #expect(train.count == numbers.count && test.count == 1)
        for (position, number) in numbers.enumerated() {
            #expect(train.label(position) == Int32(number % 10))
            let expected = (0..<3072).map { Float((7 * number + 3 * $0) % 256) / 127.5 - 1 }
            #expect(features(of: train, position) == expected)
            #expect(expected.allSatisfy { $0 >= -1 && $0 <= 1 })
        }
        #expect(test.label(0) == 7)
        #expect(try DatasetSource.plannedBytes("cifar10:\(folder.path)") >= train.plannedBytes + test.plannedBytes)
        let part = try DatasetSource.load("cifar10:\(folder.path):2/4").train
        #expect(part.count == 2 && part.label(1) == train.label(5))
    }

    @Test("What is missing, cut, compressed or no class is refused in one line that names the file")
    func refused() throws {
        func complaint(_ spoil: (TemporaryFolder) throws -> Void) throws -> String {
            let folder = try Self.folder()
            try spoil(folder)
            let error = try #require(throws: DatasetError.self) { try DatasetSource.load("cifar10:\(folder.path)") }
            #expect(error.description.hasPrefix(folder.path) && !error.description.contains("\n"))
            return String(error.description.dropFirst(folder.path.count))
        }
        let label = try complaint { try $0.put([10] + Self.record(0).dropFirst(), in: "test_batch.bin") }
        #expect(label == "/test_batch.bin: holds a label that is no class; 0 to 9 would be right")
        for bytes in [[], Array(Self.record(0).dropLast()), Self.record(0) + [1]] {
            let cut = try complaint { try $0.put(bytes, in: "data_batch_2.bin") }
            #expect(cut.hasPrefix("/data_batch_2.bin: has \(bytes.count) bytes; a multiple of 3073"))
        }
        let gzip: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(try complaint { try $0.put(gzip, in: "test_batch.bin") }.contains("is compressed"))
        #expect(
            throws: DatasetError.missingBatch(file: "/nowhere/data_batch_1.bin")
        ) { try DatasetSource.load("cifar10:/nowhere") }
        let lonely = try TemporaryFolder()
        try lonely.put(Self.record(0), in: "data_batch_3.bin")
        #expect(throws: DatasetError.missingBatch(file: lonely.file("test_batch.bin"))) {
            try DatasetSource.load("cifar10:\(lonely.path)")
        }
    }

    /// Two batches and a test batch.
    private static func folder() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try folder.put(record(100), in: "data_batch_2.bin")
        try folder.put(record(0) + record(1), in: "data_batch_1.bin")
        try folder.put(record(7), in: "test_batch.bin")
        return folder
    }

    /// A label and 3,072 bytes that a number states.
    private static func record(_ number: Int) -> [UInt8] {
        [UInt8(number % 10)] + (0..<3072).map { UInt8((7 * number + 3 * $0) % 256) }
    }
}
