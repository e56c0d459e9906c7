// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The blobs that were asked for last: every member of a round fetches the same model.
final class ModelCache: Sendable {
    private static let capacity = 2

    private let recent = Mutex<[(hash: [UInt8], bytes: [UInt8])]>([])

    /// The bytes of a hash, read by `body` where they are not at hand.
    func bytes(_ hash: [UInt8], _ body: () throws -> [UInt8]?) rethrows -> [UInt8]? {
        if let known = recent.withLock({ $0.first { $0.hash == hash } }) { return known.bytes }
        guard let bytes = try body() else { return nil }
        recent.withLock { recent in
            guard !recent.contains(where: { $0.hash == hash }) else { return }
            recent.append((hash, bytes))
            if recent.count > Self.capacity { recent.removeFirst() }
        }
        return bytes
    }
}
