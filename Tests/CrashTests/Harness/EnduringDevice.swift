// SPDX-License-Identifier: Apache-2.0

import Logging
import Messages
import Participant
import Rounds
import Synchronization
import TestKit

/// A device in this process: a real client with a state folder of its own, which reaches another server with every request.
final class EnduringDevice: Sendable {
    let folder: String
    private let invite: String
    private let data: String
    private let addresses: [String]
    /// By which of the servers it begins.
    private let first: Int
    private let log = Mutex(Log())

    private struct Log {
        var sent: [SentUpload] = []
        var promised: Set<String> = []
    }

    init(_ site: EnduranceSite, index: Int) {
        folder = site.folder.file("client-\(index)")
        invite = site.invites[index]
        data = "digits:\(index + 1)/\(site.invites.count)"
        addresses = site.ports.map { "http://127.0.0.1:\($0)" }
        first = index
    }

    /// Takes part until every task is finished; whatever stops it earlier is thrown.
    ///
    /// - Parameter end: ends it too, when something else has failed.
    func run(until end: RunEnd) async throws -> ParticipantReport {
        try await onThread {
            let links = try self.addresses.map { address in
                try CurlTransport(address: ServerAddress(address), timeoutSeconds: 30)
            }
            let participant = try Participant(
                configuration: ParticipantConfiguration(
                    server: try ServerAddress(self.addresses[0]),
                    invite: self.invite,
                    data: self.data,
                    stateFolder: self.folder,
                    memoryLimit: 1 << 34,
                    maximumEpsilon: 1000,
                    maximumEpsilonAgainstServer: .infinity
                ),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                transport: { Changing(device: self, links: links, next: self.first) },
                randomness: .secret,
                clock: WallClock.milliseconds
            )
            return try participant.run { end.isOver }
        }
    }

    /// What it left behind.
    func evidence() throws -> Evidence.Device {
        let (sent, promised) = log.withLock { ($0.sent, $0.promised) }
        return try Evidence.Device(folder, sent: sent) { promised.contains(Paths.update($0)) }
    }

    /// Takes another server with every request, as behind a balancer.
    private struct Changing: Transport {
        let device: EnduringDevice
        let links: [CurlTransport]
        var next: Int

        mutating func send(_ request: TransportRequest) throws(TransportError) -> TransportReply {
            next += 1
            if request.method == "PUT" { device.note(request) }
            let reply = try links[next % links.count].send(request)
            if request.method == "PUT", reply.status == 200 {
                device.log.withLock { _ = $0.promised.insert(request.target) }
            }
            return reply
        }
    }

    private func note(_ request: TransportRequest) {
        let client = request.headers.first { $0.name.lowercased() == RequestSignature.clientHeader }?.value ?? ""
        log.withLock { log in
            log.sent.append(SentUpload(target: request.target, client: client, body: request.body, isComplete: true))
        }
    }
}
