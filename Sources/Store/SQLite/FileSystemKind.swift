// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What a database file must not lie on.
package enum FileSystemKind {
    /// File systems that several machines may write at once, as Linux names them.
    private static let shared: Set<String> = [
        "9p", "afs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "lustre", "nfs",
        "nfs4", "ocfs2", "smb2", "smb3", "smbfs",
    ]

    /// Refuses a path whose folder is on a network file system.
    static func check(_ path: String) throws(StoreError) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        // A folder that is not there is told of when the database is opened.
        guard let resolved = unsafe realpath(folder.isEmpty ? "/" : folder, nil) else { return }
        defer { unsafe free(resolved) }
        guard let mounts = mountTable(), let kind = network(unsafe String(cString: resolved), mounts: mounts) else {
            return
        }
        throw .database(
            "\(path): is on a network file system (\(kind)), where SQLite's locks do not hold; use a local disk or PostgreSQL"
        )
    }

    /// The kind of the network file system that an absolute path lies on, or `nil` where it is a local one.
    ///
    /// - Parameter mounts: the text of `/proc/self/mountinfo` (proc(5)).
    package static func network(_ path: String, mounts: String) -> String? {
        var best: (length: Int, kind: String)?
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 4, let dash = fields.firstIndex(of: "-"), dash + 1 < fields.count else { continue }
            let point = String(fields[4]).replacing("\\040", with: " ")
            let isWithin = point == "/" || path == point || path.hasPrefix(point + "/")
            // Of two at one place, the later one is seen.
            if isWithin, point.utf8.count >= best?.length ?? 0 {
                best = (point.utf8.count, String(fields[dash + 1]))
            }
        }
        guard let best, shared.contains(best.kind) else { return nil }
        return best.kind
    }

    private static func mountTable() -> String? {
        guard let file = unsafe fopen("/proc/self/mountinfo", "re") else { return nil }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return String(validating: bytes, as: UTF8.self) }
            bytes += chunk.prefix(count)
        }
    }
}
