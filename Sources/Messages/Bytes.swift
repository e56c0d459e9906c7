// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
package import SwiftProtobuf

/// The generated code holds bytes as `Data`; the rooms hold them as `[UInt8]`. The two meet here only.
extension Data {
    package var byteArray: [UInt8] { [UInt8](self) }
}

extension Message {
    /// The message's bytes. A message whose fields are all within protobuf's sizes always has some.
    package func wireBytes() -> [UInt8] {
        do {
            return try serializedBytes()
        } catch {
            preconditionFailure("a message of valid strings under 2 GiB has a serialization")
        }
    }

    /// Reads a message of at most `limit` bytes.
    ///
    /// - Throws: ``WireError`` naming `what` when it is longer, truncated or not this message.
    package init(wire bytes: [UInt8], limit: Int = WireLimits.smallMessage, what: String) throws(WireError) {
        guard bytes.count <= limit else {
            throw WireError("\(what): has \(bytes.count) bytes; at most \(limit) are allowed")
        }
        do {
            try self.init(serializedBytes: bytes)
        } catch {
            throw WireError("\(what): is not a valid \(Self.protoMessageName) message; send one of schema version 1")
        }
    }
}

/// Requires a SHA-256 or a key, which have 32 bytes.
package func requireThirtyTwo(_ data: Data, _ what: String) throws(WireError) -> [UInt8] {
    guard data.count == 32 else { throw WireError("\(what): has \(data.count) bytes; it must have 32") }
    return data.byteArray
}
