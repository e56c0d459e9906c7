// SPDX-License-Identifier: Apache-2.0

package import Files
internal import Training

/// Where finished results lie: one file each, durable, named by what it depends on, so that a study that was interrupted
/// goes on where it was. One process at a time uses a folder.
package struct StudyFolder: ~Copyable {
    private let path: String
    private let lock: FolderLock

    private static let limit = 1 << 20

    /// Makes the folder where there is none.
    package init(_ path: String) throws(FileError) {
        try DurableFile.makeFolder(path)
        let lock = try FolderLock(folder: path, holder: "sotto precision")
        self.lock = lock
        self.path = path
    }

    func read<Record: Decodable>(_ name: String, as type: Record.Type) throws(FileError) -> Record? {
        let file = "\(path)/\(name).json"
        guard let bytes = try DurableFile.read(file, limit: Self.limit) else { return nil }
        do {
            return try JSONText.decode(type, from: bytes)
        } catch {
            throw FileError(path: file, reason: "\(error); remove it, and its run is repeated")
        }
    }

    func write(_ record: some Encodable, as name: String) throws {
        let text = try JSONText.encode(record, pretty: true) + "\n"
        try DurableFile.write(Array(text.utf8), to: "\(path)/\(name).json", mode: 0o644)
    }

    func readModel(_ name: String, limit: Int) throws(FileError) -> [UInt8]? {
        try DurableFile.read("\(path)/\(name).safetensors", limit: limit)
    }

    func write(model bytes: [UInt8], as name: String) throws(FileError) {
        try DurableFile.write(bytes, to: "\(path)/\(name).safetensors", mode: 0o644)
    }
}
