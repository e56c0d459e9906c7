// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The bytes of a committed fixture.
///
/// - Parameter path: a path below `Tests/Fixtures`, for example `noise/sampler_vectors.json`.
/// - Throws: the file system's error where the fixture is missing.
package func fixture(_ path: String) throws -> [UInt8] {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try [UInt8](Data(contentsOf: tests.appending(path: "Fixtures").appending(path: path)))
}

/// A committed JSON fixture, decoded.
package func fixture<Value: Decodable>(_ path: String, as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: Data(fixture(path)))
}
