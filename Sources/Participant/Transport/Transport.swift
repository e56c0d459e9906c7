// SPDX-License-Identifier: Apache-2.0

/// One HTTP exchange as the client sees it.
package struct TransportRequest: Sendable {
    package var method: String
    /// Path with query.
    package var target: String
    package var headers: [(name: String, value: String)] = []
    package var body: [UInt8] = []
    /// Value of the Range header, or empty.
    package var range = ""
    /// A longer reply is cut off and refused before it takes memory.
    package var replyLimit: Int

    package init(method: String, target: String, replyLimit: Int) {
        self.method = method
        self.target = target
        self.replyLimit = replyLimit
    }
}

/// The server's answer.
package struct TransportReply: Sendable {
    package let status: Int
    package let body: [UInt8]

    package init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// No answer came: the connection failed, timed out, or the reply broke a limit.
package struct TransportError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// How requests reach a server. Sockets are one way; a server in the same process is another.
package protocol Transport {
    mutating func send(_ request: TransportRequest) throws(TransportError) -> TransportReply
}
