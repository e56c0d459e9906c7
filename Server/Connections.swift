// SPDX-License-Identifier: Apache-2.0

import Aggregator
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOSSL

/// HTTP/1.1 over TLS, or plain, with a watch on how long a connection takes for what it does.
struct WatchedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    private let base: HTTP1Channel
    /// `nil` for plain HTTP.
    private let certificates: Certificates?
    private let limits: ConnectionWatch.Limits

    /// The most bytes of a request's head, and of one field of it.
    static let headBytes = 16 * 1024
    static let headerFields = 64

    init(responder: @escaping HTTPChannelHandler.Responder, certificates: Certificates?, doors: DoorConfiguration) {
        self.certificates = certificates
        limits = ConnectionWatch.Limits(doors)
        base = HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [ExchangeHandler()],
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: Self.headBytes,
                    maxHeaderListSize: Self.headBytes,
                    maxHeaderFieldCount: Self.headerFields
                )
            )
        )
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let certificates {
                try pipeline.addHandler(NIOSSLServerHandler(context: certificates.context))
            }
            try pipeline.addHandler(WatchHandler(limits))
        }
        .flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// Sees decrypted bytes before they are understood, and closes a connection whose time is over.
final class WatchHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    fileprivate var watch: ConnectionWatch
    private var timer: Scheduled<Void>?
    private let start = NIODeadline.now()

    init(_ limits: ConnectionWatch.Limits) {
        watch = ConnectionWatch(limits, now: 0)
    }

    /// Seconds since the connection began.
    fileprivate var now: Double { Double((NIODeadline.now() - start).nanoseconds) / 1e9 }

    func handlerAdded(context: ChannelHandlerContext) { schedule(context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        watch.receives(now: now)
        context.fireChannelRead(data)
    }

    /// Looks again when the time may be over; what happens meanwhile only moves that.
    private func schedule(_ context: ChannelHandlerContext) {
        let pause = max(0.05, min(watch.deadline - now, 1))
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: .nanoseconds(Int64(pause * 1e9))) {
            let (handler, context) = bound.value
            guard handler.timer != nil else { return }
            guard handler.now < handler.watch.deadline else { return context.close(promise: nil) }
            handler.schedule(context)
        }
    }
}

/// Sees requests and answers, and tells the watch.
final class ExchangeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var handler: WatchHandler?

    func handlerAdded(context: ChannelHandlerContext) {
        handler = try? context.pipeline.syncOperations.handler(type: WatchHandler.self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { handler = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if let handler {
            switch unwrapInboundIn(data) {
            case .head: handler.watch.begins(now: handler.now)
            case .body(let bytes): handler.watch.body(bytes.readableBytes, now: handler.now)
            case .end: handler.watch.ends(now: handler.now)
            }
            if handler.watch.isOver { return context.close(promise: nil) }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard let handler else { return context.write(data, promise: promise) }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            let isStream = head.headerFields[.contentType] == "text/event-stream"
            handler.watch.answers(now: handler.now, isStream: isStream)
            // What is left of a body that nobody wants is not waited for.
            if handler.watch.endsAfterAnswer { head.headerFields[.connection] = "close" }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body(let bytes):
            handler.watch.sends(bytes.readableBytes, now: handler.now)
            context.write(data, promise: promise)
        case .end:
            // Written when the other side has taken it, or as much of it as fits between.
            let written = promise ?? context.eventLoop.makePromise(of: Void.self)
            let bound = NIOLoopBound((handler: handler, context: context), eventLoop: context.eventLoop)
            written.futureResult.whenSuccess {
                let (handler, context) = bound.value
                handler.watch.answered(now: handler.now)
                if handler.watch.isOver { context.close(promise: nil) }
            }
            context.write(data, promise: written)
        }
    }
}
