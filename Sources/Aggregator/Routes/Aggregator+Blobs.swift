// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Logging
internal import Messages
internal import Store

extension Aggregator {
    /// `GET /v1/blobs/{sha256}`: a plan or a model, or the part of it that the Range header names.
    func blob(_ name: String, _ request: APIRequest, _ caller: Caller) async throws -> APIResponse {
        try await commits.submit { session, _ in try self.useNonce(caller, session) }
        return try await compute.run { try self.blob(name, request, for: caller.client) }
    }

    private func blob(_ name: String, _ request: APIRequest, for client: String) throws -> APIResponse {
        guard let hash = Hexadecimal.bytes(name), hash.count == 32 else {
            throw APIError(404, "blob: its name must be 64 hexadecimal digits")
        }
        let found = try models.bytes(hash) { try store.read { session in try session.blob(hash) } }
        guard let bytes = found else { throw APIError(404, "blob \(name.prefix(8))…: does not exist") }
        guard !request.range.isEmpty else {
            return APIResponse(status: 200, contentType: "application/octet-stream", body: bytes)
        }
        guard let range = Self.range(request.range, of: bytes.count) else {
            throw APIError(
                416,
                "blob \(name.prefix(8))…: has \(bytes.count) bytes; ask for bytes=FIRST-LAST within them",
                headers: [("content-range", "bytes */\(bytes.count)")]
            )
        }
        logger.trace("client \(client): bytes \(range) of blob \(name.prefix(8))")
        return APIResponse(
            status: 206,
            contentType: "application/octet-stream",
            headers: [("content-range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(bytes.count)")],
            body: Array(bytes[range])
        )
    }

    /// The bytes that `bytes=FIRST-LAST` or `bytes=FIRST-` names (RFC 9110, section 14.1.2), cut at the end; `nil` when
    /// there are none.
    static func range(_ header: String, of count: Int) -> Range<Int>? {
        guard header.hasPrefix("bytes=") else { return nil }
        let ends = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Int(ends[0]), first >= 0, first < count else { return nil }
        if ends[1].isEmpty { return first..<count }
        guard let last = Int(ends[1]), last >= first else { return nil }
        return first..<min(count, last < Int.max ? last + 1 : last)
    }
}
