// SPDX-License-Identifier: Apache-2.0

import Store
import TestKit
import Testing

@Suite("Network file systems")
struct FileSystemKindTests {
    /// As Linux 6.1 writes it (proc(5)), with an optional field, an escaped space and a mount over another.
    static let mounts = """
        22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
        30 22 0:26 / /mnt rw,relatime shared:5 master:1 - nfs4 server:/export rw,vers=4.2
        31 30 254:1 / /mnt/local rw - xfs /dev/vdb rw
        32 22 0:27 / /with\\040space rw - cifs //server/share rw
        33 22 0:28 / /twice rw - nfs server:/a rw
        34 22 0:29 / /twice rw - tmpfs tmpfs rw
        35 22 0:30 / /host rw - fuse.sshfs user@host: rw
        a line that is none
        """

    @Test("The innermost mount decides")
    func kinds() {
        func kind(_ path: String) -> String? { FileSystemKind.network(path, mounts: Self.mounts) }
        #expect(kind("/var/lib/sotto") == nil)
        #expect(kind("/mnt") == "nfs4")
        #expect(kind("/mnt/data/deep") == "nfs4")
        #expect(kind("/mntx") == nil)
        #expect(kind("/mnt/local") == nil)
        #expect(kind("/mnt/local/data") == nil)
        #expect(kind("/mnt/locals") == "nfs4")
        #expect(kind("/with space/data") == "cifs")
        #expect(kind("/twice/data") == nil)
        #expect(kind("/host/data") == "fuse.sshfs")
        #expect(FileSystemKind.network("/data", mounts: "1 0 0:1 / / rw - nfs server:/ rw") == "nfs")
        #expect(FileSystemKind.network("/data", mounts: "") == nil)
    }
}
