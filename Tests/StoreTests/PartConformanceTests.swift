// SPDX-License-Identifier: Apache-2.0

import Rounds
import Store
import Testing

@Suite("Stores: uploads in parts")
struct PartConformanceTests {
    let round = Samples.round()

    @Test("Parts are joined up to the first gap, in whatever order they came", arguments: Backend.all)
    func gaps(_ backend: Backend) throws {
        let database = try backend.makeDatabase()
        let (store, other) = (try database.open(), try database.open())
        func add(_ bytes: [UInt8], _ first: Int) throws {
            try store.write { try $0.addPart(bytes, first: first, total: 9, of: "a", in: round) }
        }
        func joined(_ client: String = "a", _ identifier: RoundIdentifier? = nil) throws -> [UInt8] {
            try other.read { session in
                let whole = try session.joinedParts(of: client, in: identifier ?? round)
                #expect(try session.receivedBytes(of: client, in: identifier ?? round) == whole.count)
                return whole
            }
        }
        #expect(try joined() == [])
        try add([7, 8, 9], 6)
        #expect(try joined() == [])
        try add([1, 2, 3], 0)
        #expect(try joined() == [1, 2, 3])
        // One that overlaps is no continuation.
        try add([9, 9], 2)
        #expect(try joined() == [1, 2, 3])
        try add([4, 5, 6], 3)
        #expect(try joined() == [1, 2, 3, 4, 5, 6, 7, 8, 9])
        // One that begins where another one did replaces it.
        try add([1, 2], 0)
        #expect(try joined() == [1, 2, 9, 9])
        #expect(try joined("b") == [])
        #expect(try joined("a", Samples.round(attempt: 2)) == [])
        try store.write { try $0.removeParts(of: "b", in: round) }
        #expect(try joined() == [1, 2, 9, 9])
        try store.write { try $0.removeParts(of: "a", in: round) }
        #expect(try joined() == [])
    }
}
