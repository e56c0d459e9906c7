// SPDX-License-Identifier: Apache-2.0

import Randomness
import TestKit

/// Where the life of a process ends: at its n-th call that leaves a trace on disk or on the network.
struct CrashPoint: Hashable, Sendable, CustomStringConvertible {
    enum Moment: String, CaseIterable, Sendable {
        /// Just before the call.
        case before
        /// Just after it.
        case after
        /// In the middle of what it writes or sends.
        case torn
    }

    /// From 1.
    let call: Int
    let moment: Moment

    /// What the library of `CCrashPoints` reads.
    var environment: [String: String] { ["SOTTO_CRASH_AT": "\(call)", "SOTTO_CRASH_WHEN": moment.rawValue] }

    var description: String { "\(call):\(moment.rawValue)" }

    /// So many points at calls of a range, drawn from a seed.
    static func drawn(_ count: Int, calls: ClosedRange<Int>, seed: UInt64) -> [CrashPoint] {
        var stream = InsecureTestStream(seed: seed)
        return (0..<count).map { _ in
            CrashPoint(
                call: calls.lowerBound + Int(stream.next() % UInt64(calls.count)),
                moment: Moment.allCases[Int(stream.next() % 3)]
            )
        }
    }

    /// Every call of a range, at every moment, in an order in which neighbours are far apart.
    static func all(calls: ClosedRange<Int>, seed: UInt64) -> [CrashPoint] {
        var stream = InsecureTestStream(seed: seed)
        var points = calls.flatMap { call in Moment.allCases.map { CrashPoint(call: call, moment: $0) } }
        for place in points.indices.dropFirst() {
            points.swapAt(place, Int(stream.next() % UInt64(place + 1)))
        }
        return points
    }
}

/// The crash points of one run: those of the server and of each client, one for each life, in order.
struct Script: Hashable, Sendable, CustomStringConvertible {
    /// By the name of the process: `server`, `client-1` and so on.
    var points: [String: [CrashPoint]]

    init(_ points: [String: [CrashPoint]] = [:]) {
        self.points = points.filter { !$0.value.isEmpty }
    }

    var count: Int { points.values.reduce(0) { $0 + $1.count } }

    /// For example `client-1:33:after server:217:torn server:5:before`: what `SOTTO_CRASH_SCRIPT` takes.
    var description: String {
        points.sorted { $0.key < $1.key }
            .flatMap { name, points in points.map { "\(name):\($0)" } }
            .joined(separator: " ")
    }

    /// - Throws: ``InvalidScript`` for any other text than ``description`` gives.
    init(_ text: String) throws {
        self.init()
        for word in text.split(separator: " ") {
            let parts = word.split(separator: ":").map(String.init)
            guard parts.count == 3, let call = Int(parts[1]), call >= 1,
                let moment = CrashPoint.Moment(rawValue: parts[2])
            else { throw InvalidScript(description: "\(word): must be NAME:CALL:before, after or torn") }
            points[parts[0], default: []].append(CrashPoint(call: call, moment: moment))
        }
    }

    struct InvalidScript: Error, CustomStringConvertible {
        let description: String
    }
}
