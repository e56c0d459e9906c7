// SPDX-License-Identifier: Apache-2.0

import Randomness
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite struct ForkTests {
    /// A stream that has buffered words when its process forks: parent and child draw on, and share nothing.
    @Test func parentAndChildNeverShareWords() throws {
        let count = 5000
        var stream = SecretStream(.noise)
        let before = stream.next()
        let child = try forked { output in
            for index in output.indices {
                output[index] = stream.next()
            }
        }
        let parent = (0..<count).map { _ in stream.next() }
        #expect(child.count == count)
        #expect(Set(child).count == count)
        #expect(Set(parent).isDisjoint(with: child))
        #expect(!child.contains(before))
    }

    /// The same for reads that bypass the buffer.
    @Test func parentAndChildNeverShareBlocks() throws {
        var stream = SecretStream(.noise)
        let child = try forked { stream.fill(&$0) }
        var parent = [UInt64](repeating: 0, count: 5000)
        var span = parent.mutableSpan
        stream.fill(&span)
        #expect(Set(child).count == 5000)
        #expect(Set(parent).isDisjoint(with: child))
    }

    /// The 5000 words that `body` writes in a child process. The child calls nothing of the test runner and ends at once.
    private func forked(_ body: (inout MutableSpan<UInt64>) -> Void) throws -> [UInt64] {
        // The Swift overlay marks fork as unavailable; the symbol is the C library's, with its fork handlers.
        typealias Fork = @convention(c) () -> pid_t
        let symbol = unsafe unsafeBitCast(dlsym(nil, "fork"), to: Fork?.self)
        let fork = try #require(symbol)
        var ends: [Int32] = [0, 0]
        let piped = unsafe pipe(&ends)
        try #require(piped == 0)
        var words = [UInt64](repeating: 0, count: 5000)
        let process = fork()
        if process == 0 {
            alarm(30)
            var span = words.mutableSpan
            body(&span)
            let written = unsafe words.withUnsafeBytes { unsafe write(ends[1], $0.baseAddress, $0.count) }
            _exit(written == 40_000 ? 0 : 1)
        }
        close(ends[1])
        defer { close(ends[0]) }
        try #require(process > 0)
        var received = 0
        unsafe words.withUnsafeMutableBytes { bytes in
            while received < bytes.count {
                let count = unsafe read(ends[0], bytes.baseAddress! + received, bytes.count - received)
                guard count > 0 else { break }
                received += count
            }
        }
        var status: Int32 = 0
        _ = unsafe waitpid(process, &status, 0)
        try #require(status == 0 && received == 40_000)
        return words
    }
}
