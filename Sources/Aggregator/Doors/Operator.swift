// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Store

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Who does something to a server, as the audit log names them.
public struct Operator: Hashable, Sendable {
    public let name: String

    /// Whoever runs a command on the server's machine.
    public static var commandLine: Operator {
        let number = getuid()
        guard let entry = unsafe getpwuid(number) else { return Operator(name: "cli:\(number)") }
        return Operator(name: "cli:" + (unsafe String(cString: entry.pointee.pw_name)))
    }

    /// The bearer of a token.
    static func token(_ name: String) -> Operator { Operator(name: "token:\(name)") }
}

/// The audit log's chain: every entry's hash covers the one before it, so that nothing can be taken out, put in or changed
/// without changing all that follows. Somebody who can rewrite the whole table can rewrite the whole chain: note the last
/// hash elsewhere.
enum AuditChain {
    static func hash(after previous: [UInt8]?, _ entry: AuditRecord) -> [UInt8] {
        var hasher = SHA256Hasher()
        hasher.update(Array("sotto/1 audit".utf8))
        let position = "\(entry.position)"
        let time = "\(entry.time)"
        for field in [position, time, entry.who, entry.act, entry.subject, entry.detail] {
            let bytes = Array(field.utf8)
            hasher.update((0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) })
            hasher.update(bytes)
        }
        hasher.update(previous ?? [UInt8](repeating: 0, count: 32))
        return hasher.finalize()
    }

    /// The first entry that does not fit, or `nil`.
    static func firstBroken(_ entries: [AuditRecord]) -> Int? {
        var previous: [UInt8]?
        for (index, entry) in entries.enumerated() {
            guard entry.position == index, hash(after: previous, entry) == entry.hash else { return index }
            previous = entry.hash
        }
        return nil
    }
}

extension StoreSession {
    /// Notes an operator's act, in the transaction in which it happens. Nothing secret goes in.
    func note(_ act: String, of subject: String, detail: String = "", by who: Operator, now: UInt64) throws {
        try appendAudit { last in
            var entry = AuditRecord(
                position: last.map { $0.position + 1 } ?? 0,
                time: now,
                who: who.name,
                act: act,
                subject: subject,
                detail: detail,
                hash: []
            )
            entry.hash = AuditChain.hash(after: last?.hash, entry)
            return entry
        }
    }
}
