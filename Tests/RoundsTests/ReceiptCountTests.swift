// SPDX-License-Identifier: Apache-2.0

import Rounds
import Testing

@Suite("The count of receipts")
struct ReceiptCountTests {
    /// One client and one server that lose messages: whatever the order, an honest pair never stops, and the client's count is
    /// the server's, or one less while it is in doubt.
    @Test("An honest client and an honest server agree whatever is lost", arguments: 0..<64)
    func honest(losses: Int) {
        var client = ReceiptCount()
        var accepted: UInt64 = 0
        for step in 0..<6 {
            let isExpected = client.assigned(accepted)
            #expect(isExpected)
            #expect(client == ReceiptCount(known: accepted))
            client.updateMayLeave()
            if losses >> step & 1 == 0 { accepted += 1 }
            if losses >> ((step + 3) % 6) & 1 == 0, losses >> step & 1 == 0 {
                let isReceipt = client.received(accepted)
                #expect(isReceipt)
                #expect(client == ReceiptCount(known: accepted))
            }
        }
    }

    @Test("Every other count is found")
    func others() {
        for known in UInt64(0)...4 {
            for told in UInt64(0)...6 {
                for isUnconfirmed in [false, true] {
                    let count = ReceiptCount(known: known, isUnconfirmed: isUnconfirmed)
                    var next = count
                    let isExpected = told == known || (isUnconfirmed && told == known + 1)
                    let found = next.assigned(told)
                    #expect(found == isExpected)
                    #expect(next == (isExpected ? ReceiptCount(known: told) : count))
                    next = count
                    let isReceipt = told == known + 1 || (told == 0 && known == 0)
                    let received = next.received(told)
                    #expect(received == isReceipt)
                    #expect(next == (isReceipt ? ReceiptCount(known: told) : count))
                }
            }
        }
        // What the server has refused is not in doubt: one more is another's.
        var refused = ReceiptCount(known: 3)
        refused.updateMayLeave()
        refused.updateWasRefused()
        let isAnothers = !refused.assigned(4)
        #expect(isAnothers)
        var largest = ReceiptCount(known: .max, isUnconfirmed: true)
        let wrapsAround = largest.assigned(0) || largest.received(0)
        #expect(!wrapsAround)
    }
}
