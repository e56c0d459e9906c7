// SPDX-License-Identifier: Apache-2.0

import Rounds
import Testing

/// A device that may be killed before or after every durable write, with a server that offers any of its attempts again
/// at any time: every state that this can reach.
@Suite("Client rounds")
struct ClientRoundTests {
    static let offers = [("t", 1, 1), ("t", 1, 2), ("t", 2, 1), ("u", 1, 1)].map {
        RoundIdentifier(task: $0.0, round: $0.1, attempt: $0.2)
    }

    /// What is on disk, and what the device has ever done.
    struct Device: Hashable {
        var journal: [String: ClientRound] = [:]
        var charged: Set<RoundIdentifier> = []
        var computed: [RoundIdentifier: Int] = [:]
        var uploaded: Set<RoundIdentifier> = []
        var delivered: Set<RoundIdentifier> = []
        var dropped: Set<RoundIdentifier> = []

        mutating func record(_ stage: ClientRound.Stage, _ attempt: RoundIdentifier) {
            if stage == .started {
                journal[attempt.task] = ClientRound(identifier: attempt, stage: .started)
            } else {
                journal[attempt.task]?.recorded(stage)
            }
        }

        /// The parts of an action, between each two of which the process can die.
        static func parts(
            of action: ClientRound.Action,
            _ attempt: RoundIdentifier
        ) -> [(inout Device) -> Void] {
            switch action {
            case .compute:
                [
                    { $0.record(.started, attempt) },
                    { $0.computed[attempt, default: 0] += 1 },
                    { $0.record(.sealed, attempt) },
                ]
            case .charge: [{ $0.charged.insert(attempt) }, { $0.record(.charged, attempt) }]
            case .upload:
                [
                    { $0.uploaded.insert(attempt) },
                    {
                        $0.delivered.insert(attempt)
                        $0.record(.delivered, attempt)
                    },
                ]
            case .dropOut:
                [
                    {
                        $0.dropped.insert(attempt)
                        $0.record(.dropped, attempt)
                    }
                ]
            case .wait, .refuseStale: []
            }
        }
    }

    @Test("Whatever dies when, no attempt is computed twice, and nothing leaves before its charge")
    func allCrashPoints() {
        var known: Set<Device> = [Device()]
        var queue = [Device()]
        var (deliveries, restarts) = (0, 0)
        while let device = queue.popLast() {
            for attempt in device.computed.keys { #expect(device.computed[attempt] == 1) }
            #expect(device.uploaded.isSubset(of: device.charged))
            #expect(device.charged.isSubset(of: device.computed.keys))
            #expect(device.delivered.isDisjoint(with: device.dropped))
            for offer in Self.offers {
                let action = ClientRound.action(for: offer, journal: device.journal[offer.task])
                let latest = device.journal[offer.task]?.identifier
                if let latest, offer < latest {
                    #expect(action == .refuseStale)
                } else {
                    #expect(action != .refuseStale)
                }
                if device.delivered.contains(offer) || device.dropped.contains(offer), latest == offer {
                    #expect(action == .wait)
                }
                if device.uploaded.contains(offer), !device.delivered.contains(offer), latest == offer {
                    // The server may have it: the same bytes go again, and the charge stays.
                    #expect(action == .upload)
                    restarts += 1
                }
                var next = device
                for part in Device.parts(of: action, offer) {
                    part(&next)
                    if known.insert(next).inserted { queue.append(next) }
                }
                if next.delivered.count > device.delivered.count { deliveries += 1 }
            }
        }
        #expect(known.count > 500)
        #expect(deliveries > 50 && restarts > 50)
        #expect(known.contains { $0.delivered.count == Self.offers.count })
    }

    @Test(
        "A record alone says what may still be done",
        arguments: [
            (ClientRound.Stage.started, ClientRound.Action.dropOut), (.sealed, .charge), (.charged, .upload),
            (.delivered, .wait), (.dropped, .wait),
        ]
    )
    func afterRestart(stage: ClientRound.Stage, action: ClientRound.Action) {
        let round = ClientRound(identifier: Self.offers[1], stage: stage)
        #expect(round.actionAfterRestart == action)
        #expect(ClientRound.action(for: Self.offers[1], journal: round) == action)
        #expect(ClientRound.action(for: Self.offers[0], journal: round) == .refuseStale)
        #expect(ClientRound.action(for: Self.offers[2], journal: round) == .compute)
        #expect(ClientRound.action(for: Self.offers[3], journal: round) == .compute)
    }

    @Test("A device without a record computes")
    func first() {
        #expect(ClientRound.action(for: Self.offers[0], journal: nil) == .compute)
    }

    @Test("Stages are the journal's numbers")
    func numbers() {
        let stages: [ClientRound.Stage] = [.started, .sealed, .charged, .delivered, .dropped]
        #expect(stages.map(\.rawValue) == [1, 2, 3, 4, 5])
    }

    @Test("A round never goes back")
    func forwardOnly() async {
        await #expect(processExitsWith: .failure) {
            var round = ClientRound(
                identifier: RoundIdentifier(task: "t", round: 1, attempt: 1),
                stage: .charged
            )
            round.recorded(.sealed)
        }
    }
}
