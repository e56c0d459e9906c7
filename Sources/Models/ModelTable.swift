// SPDX-License-Identifier: Apache-2.0

internal import TOML

/// One table of a model file, the whole file or a layer, whose keys are known beforehand: an unknown, missing, mistyped
/// or impossible one is an error that names it.
struct ModelTable {
    /// Where the table is, for errors.
    enum Place {
        case file(String)
        case layer(String, path: String, kind: String)
    }

    let place: Place
    private let table: TOMLTable

    init(_ table: TOMLTable, at place: Place) {
        self.table = table
        self.place = place
    }

    /// The largest extent of a shape.
    static let mostElements = Int(Int32.max)

    func error(_ reason: String) -> ModelError {
        switch place {
        case .file(let file): .file(file, reason: reason)
        case .layer(let file, let path, let kind): .layer(file, layer: path, kind: kind, reason: reason)
        }
    }

    /// Every key that is there, in a fixed order.
    var keys: [String] { table.keys }

    func has(_ key: String) -> Bool { table[key] != nil }

    /// Refuses keys other than these.
    func check(keys known: [String]) throws(ModelError) {
        for key in keys where !known.contains(key) {
            let nearest = Wording.nearest(to: key, of: known).map { "; did you mean \($0)?" } ?? ";"
            throw error(
                "has an unknown key \(Wording.quoted(key))\(nearest) known are \(known.joined(separator: ", "))"
            )
        }
    }

    func string(_ key: String, _ rule: String, default fallback: String? = nil) throws(ModelError) -> String {
        try value(key, rule, fallback) { $0.string }
    }

    func boolean(_ key: String, default fallback: Bool) throws(ModelError) -> Bool {
        try value(key, "true or false", fallback) { $0.boolean }
    }

    func integer(_ key: String, _ range: ClosedRange<Int>, default fallback: Int? = nil) throws(ModelError) -> Int {
        let rule = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        let integer = try value(key, rule, fallback) { $0.integer }
        guard range.contains(integer) else { throw error("\(key) is \(integer), but must be \(rule)") }
        return integer
    }

    /// One whole number for both directions, or two: [y, x].
    func pair(
        _ key: String,
        _ range: ClosedRange<Int>,
        default fallback: (Int, Int)? = nil
    ) throws(ModelError) -> (Int, Int) {
        let rule = "a whole number from \(range.lowerBound) to \(range.upperBound), or a pair [y, x] of them"
        let pair = try value(key, rule, fallback) { value -> (Int, Int)? in
            if let both = value.integer { return (both, both) }
            guard let list = value.array, list.count == 2, let y = list[0].integer, let x = list[1].integer else {
                return nil
            }
            return (y, x)
        }
        guard range.contains(pair.0), range.contains(pair.1) else {
            let found = pair.0 == pair.1 ? "\(pair.0)" : "[\(pair.0), \(pair.1)]"
            throw error("\(key) is \(found), but must be \(rule)")
        }
        return pair
    }

    /// A number that `accepts`; `rule` says which those are. NaN and infinities never are.
    func number(
        _ key: String,
        _ rule: String,
        default fallback: Double? = nil,
        where accepts: (Double) -> Bool
    ) throws(ModelError) -> Double {
        let number = try value(key, rule, fallback) { $0.number }
        guard number.isFinite, accepts(number) else { throw error("\(key) is \(number), but must be \(rule)") }
        return number
    }

    /// The extents of a shape.
    func extents(_ key: String, _ rule: String) throws(ModelError) -> [Int] {
        try value(key, rule, nil) { value in
            guard let list = value.array, list.count <= 8 else { return nil }
            let extents = list.compactMap(\.integer)
            return extents.count == list.count ? extents : nil
        }
    }

    /// The tables of the list `[[key]]`; none where the key is missing.
    func tables(_ key: String) throws(ModelError) -> [TOMLTable] {
        guard let found = table[key] else { return [] }
        let rule = "a list of layers, [[\(key)]]"
        guard let list = found.array else { throw error(mistyped(key, found, rule)) }
        var tables: [TOMLTable] = []
        tables.reserveCapacity(list.count)
        for item in list {
            guard let table = item.table else { throw error("\(key) holds \(item.typeName), but must be \(rule)") }
            tables.append(table)
        }
        return tables
    }

    private func value<Value>(
        _ key: String,
        _ rule: String,
        _ fallback: Value?,
        _ read: (TOMLValue) -> Value?
    ) throws(ModelError) -> Value {
        guard let found = table[key] else {
            guard let fallback else { throw error("lacks \(key), \(rule)") }
            return fallback
        }
        guard let value = read(found) else { throw error(mistyped(key, found, rule)) }
        return value
    }

    private func mistyped(_ key: String, _ found: TOMLValue, _ rule: String) -> String {
        found.array == nil ? "\(key) is \(found.typeName), but must be \(rule)" : "\(key) must be \(rule)"
    }
}
