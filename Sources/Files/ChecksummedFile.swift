// SPDX-License-Identifier: Apache-2.0

internal import Cryptography

/// A durable file that ends in the SHA-256 of what precedes it, so that damage is found instead of believed.
package enum ChecksummedFile {
    package static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        try DurableFile.write(bytes + SHA256.hash(bytes), to: path)
    }

    /// Makes the file unless another process was first.
    ///
    /// - Returns: whether the file is this one.
    package static func create(_ bytes: [UInt8], at path: String) throws(FileError) -> Bool {
        try DurableFile.create(bytes + SHA256.hash(bytes), at: path)
    }

    /// The content, or `nil` where there is no file.
    ///
    /// - Throws: ``FileError`` when the checksum does not fit.
    package static func read(_ path: String, limit: Int = 1 << 20) throws(FileError) -> [UInt8]? {
        guard let bytes = try DurableFile.read(path, limit: limit + 32) else { return nil }
        let content = Array(bytes.dropLast(32))
        guard bytes.count >= 32, SHA256.hash(content) == Array(bytes.suffix(32)) else {
            throw FileError(path: path, reason: "is damaged (its checksum does not fit); restore it from a backup")
        }
        return content
    }
}
