// SPDX-License-Identifier: Apache-2.0

internal import Files
internal import TOML

/// A TOML file whose every key is asked for by name: a missing, mistyped or unknown key is one line that names it.
struct TOMLFile {
    let path: String
    private let table: TOMLTable
    private var known: Set<String> = []

    init(path: String) throws(AggregatorError) {
        let bytes: [UInt8]?
        do {
            bytes = try DurableFile.read(path, limit: 1 << 20)
        } catch {
            throw .input("\(error)")
        }
        guard let bytes else { throw .input("\(path): no such file; name a TOML file") }
        try self.init(bytes: bytes, named: path)
    }

    /// The same from memory.
    ///
    /// - Parameter path: what errors call it.
    init(bytes: [UInt8], named path: String) throws(AggregatorError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .input("\(path): is not UTF-8 text; a TOML file is")
        }
        self.path = path
        do {
            table = try TOMLReader.table(text)
        } catch {
            throw .input("\(path): \(error)")
        }
    }

    /// The section `[name]`.
    mutating func section(_ name: String) throws(AggregatorError) -> TOMLSection {
        guard let section = try optionalSection(name) else { throw .input("\(path): lacks the section [\(name)]") }
        return section
    }

    mutating func optionalSection(_ name: String) throws(AggregatorError) -> TOMLSection? {
        known.insert(name)
        guard let value = table[name] else { return nil }
        guard let section = value.table else { throw .input("\(path): \(name) must be a section, [\(name)]") }
        return TOMLSection(path: path, name: name, table: section)
    }

    /// Every table of the list `[[name]]`.
    mutating func sections(_ name: String) throws(AggregatorError) -> [TOMLSection] {
        known.insert(name)
        guard let value = table[name] else { return [] }
        guard let list = value.array else { throw .input("\(path): \(name) must be a list of sections, [[\(name)]]") }
        var sections: [TOMLSection] = []
        for item in list {
            guard let section = item.table else {
                throw .input("\(path): \(name) must be a list of sections, [[\(name)]]")
            }
            sections.append(TOMLSection(path: path, name: name, table: section))
        }
        return sections
    }

    /// Refuses sections that nobody asked for, so that a misspelt one is not ignored.
    func finish() throws(AggregatorError) {
        for key in table.keys where !known.contains(key) {
            throw .input(
                "\(path): has an unknown section [\(Wording.shown(key))]; known are "
                    + known.sorted().joined(separator: ", ")
            )
        }
    }
}

/// One section of a TOML file.
struct TOMLSection {
    private let path: String
    private let name: String
    private let table: TOMLTable
    private var known: Set<String> = []

    init(path: String, name: String, table: TOMLTable) {
        self.path = path
        self.name = name
        self.table = table
    }

    mutating func string(_ key: String, default fallback: String? = nil) throws(AggregatorError) -> String {
        try value(key, "a string", fallback) { $0.string }
    }

    mutating func boolean(_ key: String, default fallback: Bool? = nil) throws(AggregatorError) -> Bool {
        try value(key, "true or false", fallback) { $0.boolean }
    }

    mutating func optionalBoolean(_ key: String) throws(AggregatorError) -> Bool? {
        known.insert(key)
        return table[key] == nil ? nil : try boolean(key)
    }

    mutating func integer(_ key: String, default fallback: Int? = nil) throws(AggregatorError) -> Int {
        try value(key, "a whole number", fallback) { $0.integer }
    }

    mutating func number(_ key: String, default fallback: Double? = nil) throws(AggregatorError) -> Double {
        try value(key, "a number", fallback) { $0.number }
    }

    mutating func optionalNumber(_ key: String) throws(AggregatorError) -> Double? {
        known.insert(key)
        return table[key] == nil ? nil : try number(key)
    }

    mutating func optionalString(_ key: String) throws(AggregatorError) -> String? {
        known.insert(key)
        return table[key] == nil ? nil : try string(key)
    }

    mutating func integers(_ key: String) throws(AggregatorError) -> [Int] {
        try value(key, "a list of whole numbers", nil) { value in
            guard let list = value.array else { return nil }
            let integers = list.compactMap(\.integer)
            return integers.count == list.count ? integers : nil
        }
    }

    /// Refuses keys that nobody asked for.
    func finish() throws(AggregatorError) {
        for key in table.keys where !known.contains(key) {
            throw .input(
                "\(path): [\(name)] has an unknown key \(Wording.shown(key)); known are "
                    + known.sorted().joined(separator: ", ")
            )
        }
    }

    private mutating func value<Value>(
        _ key: String,
        _ kind: String,
        _ fallback: Value?,
        _ read: (TOMLValue) -> Value?
    ) throws(AggregatorError) -> Value {
        known.insert(key)
        guard let found = table[key] else {
            guard let fallback else { throw .input("\(path): [\(name)] lacks \(key), \(kind)") }
            return fallback
        }
        guard let value = read(found) else { throw .input("\(path): [\(name)] \(key) must be \(kind)") }
        return value
    }
}
