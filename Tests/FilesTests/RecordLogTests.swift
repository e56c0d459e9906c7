// SPDX-License-Identifier: Apache-2.0

import Files
import Glibc
import TestKit
import Testing

@Suite("Record logs")
struct RecordLogTests {
    let folder: TemporaryFolder
    let path: String
    let records: [[UInt8]] = [Array("first".utf8), [], [UInt8](repeating: 3, count: 300), Array("the last".utf8)]

    init() throws {
        folder = try TemporaryFolder()
        path = folder.file("log")
    }

    /// Writes the records, each by a log of its own, and gives the file's lengths after each.
    func writeRecords() throws -> [Int] {
        try records.map { record in
            var log = try RecordLog(path)
            try log.append(record)
            return try folder.bytes(of: "log").count
        }
    }

    @Test("Records come back in order from one opening or several; the file is its owner's alone")
    func reopens() throws {
        do {
            var log = try RecordLog(path)
            #expect(log.records.isEmpty)
            for record in records { try log.append(record) }
        }
        let bytes = try folder.bytes(of: "log")
        let log = try RecordLog(path)
        #expect(log.records == records)
        #expect(try folder.bytes(of: "log") == bytes)
        #expect(try folder.mode(of: "log") == 0o600)

        try DurableFile.remove(path)
        _ = try writeRecords()
        #expect(try folder.bytes(of: "log") == bytes)
    }

    @Test("A record is in the file when append returns")
    func isWritten() throws {
        var log = try RecordLog(path)
        for count in records.indices {
            try log.append(records[count])
            let reader = try RecordLog(path)
            #expect(reader.records == Array(records[...count]))
        }
    }

    @Test("Cut anywhere, the log holds exactly the complete records and goes on")
    func torn() throws {
        let ends = try writeRecords()
        let whole = try folder.bytes(of: "log")
        for length in 0..<whole.count {
            try folder.put(Array(whole.prefix(length)), in: "log")
            let kept = ends.count { $0 <= length }
            do {
                var log = try RecordLog(path)
                #expect(log.records == Array(records.prefix(kept)), "cut to \(length) bytes")
                try log.append([42])
            }
            let log = try RecordLog(path)
            #expect(log.records == Array(records.prefix(kept)) + [[42]], "cut to \(length) bytes")
        }
    }

    @Test("Damage of any byte of any record is refused, never taken for a cut")
    func damage() throws {
        _ = try writeRecords()
        let whole = try folder.bytes(of: "log")
        for index in whole.indices {
            for change: UInt8 in [0x01, 0x10, 0x80, 0xFF] {
                var damaged = whole
                damaged[index] ^= change
                try folder.put(damaged, in: "log")
                #expect(throws: FileError.self, "byte \(index) changed by \(change)") { _ = try RecordLog(path) }
            }
        }
        // Nothing was repaired away.
        #expect(try folder.bytes(of: "log").count == whole.count)
    }

    @Test("The longest record is written and read")
    func longest() throws {
        let record = [UInt8](repeating: 5, count: RecordLog.recordLimit)
        do {
            var log = try RecordLog(path)
            try log.append(record)
        }
        let log = try RecordLog(path)
        #expect(log.records == [record])
    }

    @Test("A record that would make the file too long to be read again is refused")
    func full() throws {
        var log = try RecordLog(path)
        try log.append([1])
        #expect(unsafe truncate(path, 1 << 30) == 0)
        #expect(throws: FileError.self) { try log.append([2]) }
        #expect(unsafe truncate(path, try folder.lengthOfOneByteRecord) == 0)
        let reader = try RecordLog(path)
        #expect(reader.records == [[1]])
    }

    @Test("A full device is an error of the append")
    func fullDevice() throws {
        var log = try RecordLog("/dev/full")
        let error = #expect(throws: FileError.self) { try log.append([1]) }
        #expect(error?.description == "/dev/full: cannot write: No space left on device")
        #expect(error?.isOfMachine == true)
    }

    @Test("An append that fails in the middle leaves no trace, and the log goes on")
    func failedAppend() async throws {
        do {
            var log = try RecordLog(path)
            try log.append([1])
        }
        let before = try folder.bytes(of: "log")
        await #expect(processExitsWith: .success) { [path = path as String] in
            limitFileSize(4096)
            var log = try RecordLog(path)
            #expect(throws: FileError.self) { try log.append([UInt8](repeating: 9, count: 5000)) }
            try log.append([2])
        }
        #expect(Array(try folder.bytes(of: "log").prefix(before.count)) == before)
        let log = try RecordLog(path)
        #expect(log.records == [[1], [2]])
    }

    @Test("A missing folder, and a folder in the file's place, are one line")
    func unusable() throws {
        for path in [folder.file("none/log"), folder.path] {
            let error = #expect(throws: FileError.self) { _ = try RecordLog(path) }
            #expect(error?.path == path)
            #expect(error?.description.contains("\n") == false)
            #expect(error?.isOfMachine == false)
        }
    }
}

extension TemporaryFolder {
    /// The length of a log with one record of one byte, from a fresh log.
    fileprivate var lengthOfOneByteRecord: Int {
        get throws {
            var log = try RecordLog(file("measure"))
            try log.append([1])
            return try bytes(of: "measure").count
        }
    }
}
