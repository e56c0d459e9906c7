// SPDX-License-Identifier: Apache-2.0

internal import CPostgres

/// A statement, a connection or a server that failed.
struct PostgresFailure: Error {
    /// PostgreSQL's code of the error ("Appendix A" of its manual); empty where the server did not give one.
    let state: String
    /// One line, without values and secrets.
    let message: String
    /// Whether the connection is of no more use.
    let isLost: Bool

    /// Whether the transaction only met another one, and the whole of it may be tried again.
    var isCollision: Bool { state == "40001" || state == "40P01" }

    /// Codes with which the server ends a connection: connection exceptions, shutdowns, crashes and timeouts of sessions.
    static func ends(_ state: String) -> Bool {
        state.hasPrefix("08") || state.hasPrefix("57P0") || state == "25P03" || state == "25P04"
    }

    /// As the store tells it.
    func storeError(_ place: String) -> StoreError {
        if state.hasPrefix("23") {
            return .conflict("\(place): another process has changed the same round or name; look again and retry")
        }
        return .database("\(place): \(message)" + (state.isEmpty ? "" : " (PostgreSQL code \(state))"))
    }
}

/// A statement that the server has prepared for one connection.
struct PreparedStatement {
    let name: String
    /// The types that the server found for the parameters.
    let parameters: [PostgresType]
}

/// One connection to a server, for one thread at a time.
///
/// The only type that speaks to libpq about statements; safe because libpq's object lives exactly as long as this one.
@safe final class PostgresConnection {
    private let pointer: OpaquePointer
    private var prepared: [String: PreparedStatement] = [:]
    /// Numbers the commits of this connection.
    var fence = CommitFence()

    /// Connects.
    ///
    /// - Throws: a failure that says why not; the password does not occur in it.
    init(_ address: PostgreSQLAddress, applicationName: String) throws(PostgresFailure) {
        guard
            let pointer = unsafe address.withParameters(
                applicationName: applicationName,
                { keywords, values in unsafe PQconnectdbParams(keywords, values, 1) }
            )
        else { throw PostgresFailure(state: "", message: "no memory for a connection", isLost: true) }
        unsafe self.pointer = pointer
        // libpq prints what a server remarks to standard error unless it is told otherwise.
        unsafe PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        guard unsafe PQstatus(pointer) == CONNECTION_OK else {
            throw PostgresFailure(state: "", message: address.redacting(unsafe Self.lastError(pointer)), isLost: true)
        }
    }

    deinit {
        unsafe PQfinish(pointer)
    }

    /// For example 150018.
    var serverVersion: Int { Int(unsafe PQserverVersion(pointer)) }

    /// The file descriptor on which notifications come.
    var socket: Int32 { unsafe PQsocket(pointer) }

    // MARK: Statements

    /// Runs statements without parameters, in one message; the answer is that of the last.
    @discardableResult
    func run(_ sql: String) throws(PostgresFailure) -> PostgresResult {
        try unsafe check(PQexec(pointer, sql))
    }

    /// Runs one statement with parameters, which stay prepared for the next time. The texts of statements are constants of
    /// the program, so there are never many.
    func run(_ sql: String, _ values: [SQLValue]) throws(PostgresFailure) -> PostgresResult {
        let statement = try prepare(sql)
        guard statement.parameters.count == values.count else {
            throw PostgresFailure(
                state: "",
                message: "a statement with \(statement.parameters.count) parameters was given \(values.count)",
                isLost: false
            )
        }
        var parameters = PostgresParameters()
        for (value, type) in zip(values, statement.parameters) { try parameters.append(value, as: type) }
        return try unsafe check(
            parameters.withPointers { values, lengths, formats in
                unsafe PQexecPrepared(pointer, statement.name, Int32(lengths.count), values, lengths, formats, 1)
            }
        )
    }

    private func prepare(_ sql: String) throws(PostgresFailure) -> PreparedStatement {
        if let known = prepared[sql] { return known }
        let name = "s\(prepared.count)"
        try unsafe check(PQprepare(pointer, name, Self.numbered(sql), 0, nil))
        let described = try unsafe check(PQdescribePrepared(pointer, name))
        let statement = PreparedStatement(name: name, parameters: described.parameterTypes)
        prepared[sql] = statement
        return statement
    }

    /// Writes `$1`, `$2`, … for every `?`.
    static func numbered(_ sql: String) -> String {
        var number = 0
        return sql.reduce(into: "") { text, character in
            if character == "?" {
                number += 1
                text += "$\(number)"
            } else {
                text.append(character)
            }
        }
    }

    @discardableResult
    private func check(_ pointer: OpaquePointer?) throws(PostgresFailure) -> PostgresResult {
        guard let pointer = unsafe pointer else {
            let message = unsafe Self.lastError(self.pointer)
            throw PostgresFailure(state: "", message: message, isLost: isBroken)
        }
        let result = unsafe PostgresResult(pointer)
        guard !result.isError else {
            // What the server says besides, the detail, may hold the values of a row.
            let (state, message) = (result.state, result.message)
            throw PostgresFailure(state: state, message: message, isLost: isBroken || PostgresFailure.ends(state))
        }
        return result
    }

    /// Whether the connection works and is in no transaction.
    var isIdle: Bool { unsafe !isBroken && PQtransactionStatus(pointer) == PQTRANS_IDLE }

    private var isBroken: Bool { unsafe PQstatus(pointer) != CONNECTION_OK }

    private static func lastError(_ pointer: OpaquePointer) -> String {
        oneLine(unsafe PQerrorMessage(pointer).map { unsafe String(cString: $0) } ?? "")
    }

    static func oneLine(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            String(line.drop(while: \.isWhitespace))
        }
        return lines.isEmpty ? "the connection is broken" : lines.joined(separator: "; ")
    }

    // MARK: Notifications

    /// Reads what has come.
    ///
    /// - Returns: whether there was a notification among it.
    /// - Throws: when the connection is broken.
    func takeNotifications() throws(PostgresFailure) -> Bool {
        guard unsafe PQconsumeInput(pointer) == 1 else {
            throw PostgresFailure(state: "", message: unsafe Self.lastError(pointer), isLost: true)
        }
        var isNotified = false
        while let notification = unsafe PQnotifies(pointer) {
            unsafe PQfreemem(notification)
            isNotified = true
        }
        return isNotified
    }
}
