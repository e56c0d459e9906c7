// SPDX-License-Identifier: Apache-2.0

import Aggregator
import ArgumentParser
import CommandLineKit
import Hummingbird
import HummingbirdCore
import Logging

/// `sotto-server run`
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serve tasks until interrupted.",
        discussion: """
            Everything is in the state folder of the server file: stop the server in any way, start it again, and open \
            rounds go on. Plain HTTP is served on this machine's loopback interface only; with a certificate in the server \
            file, or tls = "development" there, HTTPS on any address.
            """
    )

    @OptionGroup var configuration: ConfigurationOption

    @Option(help: ArgumentHelp("Instead of the server file's address.", valueName: "host:port"))
    var listen: String?

    @Flag(name: [.short, .long], help: "Log every round and refusal to standard error: --log-level info.")
    var verbose = false

    @Option(
        help: ArgumentHelp("The least level to log; debug adds a line for every request.", valueName: "level"),
        transform: { text in
            guard let level = Logger.Level(rawValue: text) else {
                let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("must be one of \(levels)")
            }
            return level
        }
    )
    var logLevel: Logger.Level?

    @Option(help: "Lines for people, or one JSON object a line.")
    var logFormat: DiagnosticLog.Format = .text

    @Flag(help: "Print one JSON object at the end: requests, refusals, bytes, peak memory.")
    var json = false

    func run() async throws {
        var configuration = try configuration.load()
        let doors = configuration.doors
        if let listen { configuration.listen = try ListenAddress(listen, allowsOthers: doors.isSecure) }
        let address = configuration.listen
        let level = logLevel ?? (verbose ? .info : .notice)
        let logger = DiagnosticLog.logger("sotto-server", level: level, format: logFormat)
        let libraryLogger = DiagnosticLog.logger("http", level: .notice, format: logFormat)
        let certificates = try Administration.certificateFiles(configuration).map { files in
            try Certificates(chain: files.certificate, key: files.key)
        }
        let aggregator = try await Aggregator(configuration: configuration, logger: logger)
        let application = Application(
            responder: APIResponder(
                aggregator: aggregator,
                trustsProxy: doors.trustsProxy,
                budget: BodyBudget(doors.bodyMemory)
            ),
            server: HTTPServerBuilder { responder in
                WatchedChannel(responder: responder, certificates: certificates, doors: doors)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(address.host, port: address.port),
                serverName: "sotto",
                availableConnectionsDelegate: MaximumAvailableConnections(
                    doors.connections,
                    logger: libraryLogger
                )
            ),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? address.port
                logger.notice("listening on \(certificates == nil ? "http" : "https")://\(address.host):\(port)")
            },
            logger: libraryLogger
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.runService() }
            group.addTask { await aggregator.run() }
            if let certificates {
                group.addTask {
                    // Ends with the group; only the service's own end counts below.
                    while !Task.isCancelled {
                        try? await Task.sleep(for: .seconds(10))
                        certificates.refresh(logger)
                    }
                }
            }
            // The service ends on SIGINT or SIGTERM; the timer ends with it.
            _ = try await group.next()
            group.cancelAll()
        }
        if json { print(try Administration.json(aggregator.serviceReport())) }
    }
}

extension DiagnosticLog.Format: ExpressibleByArgument {}
