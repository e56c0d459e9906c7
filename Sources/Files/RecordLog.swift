// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Glibc

/// An append-only file of records. Each record is on disk before ``append(_:)`` returns.
///
/// A record is a header and its bytes; the header is the record's length in four big-endian bytes, the SHA-256 of its
/// bytes, and the first four bytes of the SHA-256 of those 36, so that a damaged length is not taken for a record that
/// goes beyond the end. A crash during an append can leave the last record incomplete; such a record was never
/// acknowledged, so opening the log cuts it off. Any other damage is an error.
package struct RecordLog: ~Copyable {
    /// Longest record.
    package static let recordLimit = 1 << 20

    private static let fileLimit = 1 << 30
    private static let headerLength = 40

    private let path: String
    private let file: FileHandle
    /// The records at the time of opening, in order.
    package let records: [[UInt8]]

    /// Opens or makes the log at `path`.
    ///
    /// - Throws: ``FileError`` when the file cannot be read or a complete record is damaged.
    package init(_ path: String) throws(FileError) {
        let file = try FileHandle(path, flags: O_RDWR | O_CREAT | O_APPEND, mode: 0o600)
        let bytes = try file.readAll(limit: Self.fileLimit)
        let (records, complete) = try Self.parse(bytes, path: path)
        if complete < bytes.count {
            try file.truncate(to: complete)
            try file.sync()
        }
        try DurableFile.syncFolder(of: path)
        self.path = path
        self.file = file
        self.records = records
    }

    /// Adds a record and waits until it is on disk.
    package mutating func append(_ record: [UInt8]) throws(FileError) {
        precondition(record.count <= Self.recordLimit, "a record is at most \(Self.recordLimit) bytes")
        let before = try file.size()
        let bytes = Self.header(of: record) + record
        guard before + bytes.count <= Self.fileLimit else {
            throw FileError(path: path, reason: "is full: a log has at most \(Self.fileLimit) bytes")
        }
        do {
            try file.write(bytes)
            try file.sync()
        } catch {
            // A record that is not durable must not be found later either.
            try? file.truncate(to: before)
            throw error
        }
    }

    private static func header(of record: [UInt8]) -> [UInt8] {
        let length = (0..<4).map { UInt8(truncatingIfNeeded: record.count >> (24 - 8 * $0)) }
        let checked = length + SHA256.hash(record)
        return checked + SHA256.hash(checked).prefix(4)
    }

    /// The complete records and the length of the file that they fill.
    private static func parse(_ bytes: [UInt8], path: String) throws(FileError) -> ([[UInt8]], Int) {
        var records: [[UInt8]] = []
        var position = 0
        func damaged() -> FileError {
            FileError(path: path, reason: "record \(records.count + 1) is damaged; restore it from a backup")
        }
        while bytes.count - position >= headerLength {
            let start = position + headerLength
            let header = Array(bytes[position..<start])
            let length = header.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard length <= recordLimit, SHA256.hash(Array(header.prefix(36))).prefix(4) == header.suffix(4) else {
                throw damaged()
            }
            guard bytes.count - start >= length else { break }
            let record = Array(bytes[start..<start + length])
            guard Self.header(of: record) == header else { throw damaged() }
            records.append(record)
            position = start + length
        }
        return (records, position)
    }
}
