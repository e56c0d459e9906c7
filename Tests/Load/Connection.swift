// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS

/// One kept connection; a request at a time.
final class Connection: Sendable {
    struct Request: Sendable {
        var method: String
        var target: String
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []
    }

    struct Answer: Sendable {
        var status: Int
        var body: [UInt8]
    }

    private let channel: any Channel

    private init(_ channel: any Channel) { self.channel = channel }

    /// Where a server is.
    struct Server: Sendable {
        let host: String
        let port: Int
        let context: NIOSSLContext?
        /// The one certificate that the server must show.
        let pinned: NIOSSLCertificate?

        /// - Parameters:
        ///   - url: `http://HOST:PORT` or `https://HOST:PORT`.
        ///   - certificate: PEM file of the one that the server shows; `nil` for any that the system trusts.
        init(_ url: String, certificate: String?) throws {
            let halves = url.split(separator: ":", omittingEmptySubsequences: false)
            guard halves.count == 3, halves[0] == "http" || halves[0] == "https", halves[1].hasPrefix("//"),
                halves[1].count > 2, let port = Int(halves[2]), (1...65535).contains(port)
            else { throw CommandError("--server: must be http://HOST:PORT or https://HOST:PORT") }
            host = String(halves[1].dropFirst(2))
            self.port = port
            guard halves[0] == "https" else {
                (context, pinned) = (nil, nil)
                return
            }
            context = try NIOSSLContext(configuration: .makeClientConfiguration())
            pinned = try certificate.map { file in
                guard let first = try? NIOSSLCertificate.fromPEMFile(file).first else {
                    throw CommandError("--server-certificate: \(file) is no certificate in PEM")
                }
                return first
            }
        }
    }

    static func open(_ server: Server, on group: any EventLoopGroup) async throws -> Connection {
        let isReady = group.any().makePromise(of: Void.self)
        let bootstrap = ClientBootstrap(group: group)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context = server.context {
                        // An address is no name for SNI; the certificate is checked all the same.
                        let isAddress = (try? SocketAddress(ipAddress: server.host, port: 0)) != nil
                        let name = isAddress ? nil : server.host
                        let handler =
                            if let pinned = server.pinned {
                                try NIOSSLClientHandler(context: context, serverHostname: name) { shown, answer in
                                    answer.succeed(shown.first == pinned ? .certificateVerified : .failed)
                                }
                            } else {
                                try NIOSSLClientHandler(context: context, serverHostname: name)
                            }
                        try pipeline.addHandler(handler)
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(AnswerHandler(isReady: isReady))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: server.host, port: server.port).get()
        } catch {
            isReady.fail(error)
            throw error
        }
        if server.context == nil { isReady.succeed() }
        try await isReady.futureResult.get()
        return Connection(channel)
    }

    func send(_ request: Request) async throws -> Answer {
        let promise = channel.eventLoop.makePromise(of: Answer.self)
        // A channel that has closed meanwhile has no handler left that could answer.
        channel.writeAndFlush(Exchange(request: request, promise: promise)).whenFailure { promise.fail($0) }
        return try await promise.futureResult.get()
    }

    func close() { channel.close(promise: nil) }
}

/// A request with the place for its answer.
private struct Exchange: Sendable {
    let request: Connection.Request
    let promise: EventLoopPromise<Connection.Answer>
}

/// Turns exchanges into the parts of HTTP messages.
private final class AnswerHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Exchange
    typealias OutboundOut = HTTPClientRequestPart

    /// Kept once the other side has shown its certificate.
    private let isReady: EventLoopPromise<Void>
    private var promise: EventLoopPromise<Connection.Answer>?
    private var answer = Connection.Answer(status: 0, body: [])
    /// Why the connection has ended.
    private var failure: (any Error)?

    init(isReady: EventLoopPromise<Void>) { self.isReady = isReady }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { isReady.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let exchange = unwrapOutboundIn(data)
        guard context.channel.isActive, self.promise == nil, failure == nil else {
            promise?.fail(failure ?? ChannelError.ioOnClosedChannel)
            return
        }
        self.promise = exchange.promise
        answer = Connection.Answer(status: 0, body: [])
        let request = exchange.request
        var head = HTTPRequestHead(version: .http1_1, method: .init(rawValue: request.method), uri: request.target)
        head.headers.add(name: "host", value: "load")
        head.headers.add(name: "content-length", value: "\(request.body.count)")
        for (name, value) in request.headers { head.headers.add(name: name, value: value) }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !request.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: request.body)))), promise: nil)
        }
        context.write(wrapOutboundOut(.end(nil)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): answer.status = Int(head.status.code)
        case .body(let bytes): answer.body += bytes.readableBytesView
        case .end:
            promise?.succeed(answer)
            promise = nil
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isReady.fail(ChannelError.eof)
        promise?.fail(ChannelError.eof)
        promise = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? error
        isReady.fail(error)
        promise?.fail(error)
        promise = nil
        context.close(promise: nil)
    }
}
