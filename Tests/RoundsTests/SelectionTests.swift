// SPDX-License-Identifier: Apache-2.0

import Rounds
import Testing

@Suite("Selection and pace")
struct SelectionTests {
    private static let terms: RoundTerms = {
        var terms = RoundTerms(rounds: 9, cohort: 3, fewestSurvivors: 2, deadlineSeconds: 3)
        terms.mostMembers = 4
        terms.selectionSeconds = 5
        return terms
    }()

    @Test("A round opens for all at once when they are there, and for enough after the plan's time")
    func opens() {
        var selection = Selection()
        func next(_ waiting: Int, _ now: UInt64) -> Selection.Step {
            selection.next(waiting: waiting, terms: Self.terms, now: now)
        }
        #expect(next(0, 0) == .wait(until: nil) && next(1, 1000) == .wait(until: nil))
        #expect(next(2, 2000) == .wait(until: 7000) && next(3, 6999) == .wait(until: 7000))
        #expect(next(3, 7000) == .open(expected: 3))
        #expect(next(4, 0) == .open(expected: 4) && next(400, 0) == .open(expected: 4))
        // Too few again: the time begins anew.
        #expect(next(1, 8000) == .wait(until: nil))
        #expect(next(2, 9000) == .wait(until: 14_000))
        // A clock that goes back does not make anybody wait longer than the plan's time from then on.
        #expect(next(2, 1000) == .wait(until: 6000))
    }

    @Test("Clients are asked back no more often than a server is to be asked, and seldom where nothing happens")
    func pace() {
        let pace = PaceSteering(requestsPerSecond: 350, shortestMilliseconds: 50, longestMilliseconds: 300_000)
        #expect(pace.pause(clients: 8, quietMilliseconds: 0) == 50)
        // Ten thousand clients at 350 requests a second.
        let many = pace.pause(clients: 10_000, quietMilliseconds: 0)
        #expect(many == 28_571)
        #expect(10_000 * 1000 / Double(many) <= 351)
        #expect(pace.pause(clients: 8, quietMilliseconds: 20_000) == 2000)
        #expect(pace.pause(clients: 8, quietMilliseconds: 3_600_000) == 10_000)
        #expect(pace.pause(clients: 8, quietMilliseconds: nil) == 5000)
        #expect(pace.pause(clients: 10_000_000, quietMilliseconds: nil) == 300_000)
        for pause in [50, 30_000, 300_000] as [UInt64] { #expect(pace.patience(after: pause) > pause + 10_000) }
    }
}
