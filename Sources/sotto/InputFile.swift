// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Files

/// Files that a person names.
enum InputFile {
    /// The bytes of a file of at most 4 GiB.
    static func read(_ path: String) throws -> [UInt8] {
        guard let bytes = try DurableFile.read(path, limit: 1 << 32) else {
            throw CommandError("\(path): there is no such file")
        }
        return bytes
    }
}
