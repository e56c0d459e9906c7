// SPDX-License-Identifier: Apache-2.0

internal import CPostgres

/// The answer to a statement. Safe because libpq's object lives exactly as long as this one.
@safe final class PostgresResult {
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        unsafe self.pointer = pointer
    }

    deinit {
        unsafe PQclear(pointer)
    }

    var isError: Bool {
        switch unsafe PQresultStatus(pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE: false
        default: true
        }
    }

    /// The code of the error.
    var state: String { field("C") ?? "" }

    /// The first line of the error.
    var message: String {
        PostgresConnection.oneLine(
            unsafe field("M") ?? PQresultErrorMessage(pointer).map { unsafe String(cString: $0) } ?? ""
        )
    }

    private func field(_ name: Unicode.Scalar) -> String? {
        unsafe PQresultErrorField(pointer, Int32(name.value)).map { unsafe String(cString: $0) }
    }

    /// What was done, for example `COMMIT`.
    var command: String { unsafe PQcmdStatus(pointer).map { unsafe String(cString: $0) } ?? "" }

    /// The rows that were inserted, changed or removed.
    var changes: Int { unsafe PQcmdTuples(pointer).flatMap { unsafe Int(String(cString: $0)) } ?? 0 }

    /// The types of a described statement's parameters.
    var parameterTypes: [PostgresType] {
        let count = unsafe PQnparams(pointer)
        return (0..<count).map { unsafe PostgresType(rawValue: PQparamtype(pointer, $0)) }
    }

    /// All rows, from PostgreSQL's binary form.
    func rows() throws(PostgresFailure) -> [SQLRow] {
        let columns = unsafe PQnfields(pointer)
        let types = (0..<columns).map { unsafe PostgresType(rawValue: PQftype(pointer, $0)) }
        var rows: [SQLRow] = []
        let count = unsafe PQntuples(pointer)
        for row in 0..<count {
            var values: [SQLValue] = []
            for column in 0..<columns {
                guard unsafe PQgetisnull(pointer, row, column) == 0, let start = unsafe PQgetvalue(pointer, row, column)
                else {
                    values.append(.null)
                    continue
                }
                let length = Int(unsafe PQgetlength(pointer, row, column))
                values.append(
                    try unsafe types[Int(column)].value(UnsafeRawBufferPointer(start: start, count: length))
                )
            }
            rows.append(SQLRow(values))
        }
        return rows
    }

    /// The first value of an answer in text form, as statements without parameters give it.
    var text: String? {
        guard unsafe PQntuples(pointer) > 0, unsafe PQgetisnull(pointer, 0, 0) == 0 else { return nil }
        return unsafe PQgetvalue(pointer, 0, 0).map { unsafe String(cString: $0) }
    }
}
