// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// A tensor with a name: what a safetensors file is made of.
package struct NamedTensor: Hashable, Sendable {
    /// Unique in a file.
    package let name: String
    /// Extents, outermost first; empty for a scalar.
    package let shape: [Int]
    /// Row-major.
    package let values: [Float]

    /// Traps where the shape does not have as many elements as there are values.
    package init(name: String, shape: [Int], values: [Float]) {
        precondition(shape.reduce(1, *) == values.count, "shape and count differ")
        self.name = name
        self.shape = shape
        self.values = values
    }
}

/// Why bytes are not a safetensors file that we take.
package enum SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes end before the header does, or the header is longer than a header may be.
    case headerSize(UInt64)
    /// The header is not the JSON object that the format asks for.
    case header(String)
    /// A tensor's type, shape or place is not right.
    case tensor(String, reason: String)
    /// The tensors leave a gap, overlap, or do not reach to the end of the file.
    case coverage

    package var description: String {
        switch self {
        case .headerSize(let size): "safetensors: a header of \(size) bytes; it must fit the file and \(1 << 20) bytes"
        case .header(let reason): "safetensors: the header is not right: \(reason)"
        case .tensor(let name, let reason): "safetensors: tensor '\(name)': \(reason)"
        case .coverage: "safetensors: the tensors must fill the file without gaps or overlaps"
        }
    }
}

/// The safetensors format (huggingface/safetensors, README "Format"), for float32 tensors.
///
/// A little-endian 64-bit header size, a JSON object {name: {dtype, shape, data_offsets}}, then the tensors' bytes.
package enum Safetensors {
    private static let headerLimit: UInt64 = 1 << 20

    /// The file of `tensors`, in their order; equal arguments give equal bytes.
    package static func encode(_ tensors: [NamedTensor], metadata: [String: String] = [:]) -> [UInt8] {
        var header = Header(metadata: metadata, entries: [:])
        var offset = 0
        for tensor in tensors {
            let end = offset + 4 * tensor.values.count
            let entry = Entry(dtype: "F32", shape: tensor.shape, data_offsets: [offset, end])
            let previous = header.entries.updateValue(entry, forKey: tensor.name)
            precondition(previous == nil && tensor.name != Key.metadata, "two tensors are named \(tensor.name)")
            offset = end
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(header) else {
            preconditionFailure("strings and integers are always JSON")
        }
        var text = [UInt8](json)
        // Readers that map the file want the numbers aligned to 8 bytes.
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + text.count + offset)
        bytes.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
        bytes.append(contentsOf: text)
        for tensor in tensors {
            for value in tensor.values {
                let bits = value.bitPattern
                bytes.append(UInt8(truncatingIfNeeded: bits))
                bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
                bytes.append(UInt8(truncatingIfNeeded: bits >> 16))
                bytes.append(UInt8(truncatingIfNeeded: bits >> 24))
            }
        }
        return bytes
    }

    /// The tensors of a file, by their place in it.
    ///
    /// Sizes are checked against the file's length before memory is taken, so a header can promise no more than it has.
    package static func decode(_ bytes: [UInt8]) throws(SafetensorsError) -> [NamedTensor] {
        guard bytes.count >= 8 else { throw .headerSize(0) }
        let size = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << (8 * UInt64($1)) }
        guard size <= headerLimit, size <= UInt64(bytes.count - 8) else { throw .headerSize(size) }
        let start = 8 + Int(size)
        let header: Header
        do {
            header = try JSONDecoder().decode(Header.self, from: Data(bytes[8..<start]))
        } catch {
            throw .header("it must be an object of {dtype, shape, data_offsets}")
        }
        var tensors: [NamedTensor] = []
        var end = 0
        let ordered = header.entries.sorted {
            ($0.value.begin, $0.value.end, $0.key) < ($1.value.begin, $1.value.end, $1.key)
        }
        for (name, entry) in ordered {
            let count = try entry.checkedCount(name: name)
            guard entry.begin == end, entry.end <= bytes.count - start else { throw .coverage }
            end = entry.end
            let values = (0..<count).map { index in
                let at = start + entry.begin + 4 * index
                let low = UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8
                return Float(bitPattern: low | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24)
            }
            tensors.append(NamedTensor(name: name, shape: entry.shape, values: values))
        }
        guard end == bytes.count - start else { throw .coverage }
        return tensors
    }
}

extension Network {
    /// The safetensors file of a flat parameter vector, with the layout's names and shapes.
    package func safetensors(_ parameters: [Float]) -> [UInt8] {
        Safetensors.encode(tensors(parameters), metadata: ["format": "pt"])
    }

    /// A flat vector as tensors of the layout's names and shapes.
    package func tensors(_ parameters: [Float]) -> [NamedTensor] {
        precondition(parameters.count == parameterCount, "the parameters belong to another network")
        return layout.slices.map { slice in
            NamedTensor(
                name: slice.name,
                shape: slice.shape.dimensions,
                values: slice.places().map { parameters[slice.offset + $0] }
            )
        }
    }

    /// The flat parameter vector of a safetensors file that has exactly this network's tensors.
    package func parameters(safetensors bytes: [UInt8]) throws(SafetensorsError) -> [Float] {
        let tensors = try Safetensors.decode(bytes)
        var parameters = [Float](repeating: 0, count: parameterCount)
        for tensor in tensors {
            guard let slice = layout.slices.first(where: { $0.name == tensor.name }) else {
                throw .tensor(tensor.name, reason: "model \(name) has no such parameter")
            }
            guard slice.shape.dimensions == tensor.shape else {
                throw .tensor(tensor.name, reason: "shape \(tensor.shape), model \(name) needs \(slice.shape)")
            }
            for (value, place) in zip(tensor.values, slice.places()) { parameters[slice.offset + place] = value }
        }
        for slice in layout.slices where !tensors.contains(where: { $0.name == slice.name }) {
            throw .tensor(slice.name, reason: "missing; model \(name) needs shape \(slice.shape)")
        }
        return parameters
    }
}

private struct Entry: Codable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]

    // Only read once `Header` has seen that there are two.
    var begin: Int { data_offsets[0] }
    var end: Int { data_offsets[1] }

    func checkedCount(name: String) throws(SafetensorsError) -> Int {
        guard dtype == "F32" else { throw .tensor(name, reason: "type \(dtype); only F32 is read") }
        var count = 1
        for extent in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow, product <= Int(Int32.max) else {
                throw .tensor(name, reason: "shape \(shape) has a negative extent or 2^31 elements or more")
            }
            count = product
        }
        guard begin >= 0, end >= begin, end - begin == 4 * count else {
            throw .tensor(name, reason: "its place does not hold 4 bytes for each of its \(count) elements")
        }
        return count
    }
}

private struct Key: CodingKey {
    static let metadata = "__metadata__"
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

private struct Header: Codable {
    var metadata: [String: String]
    var entries: [String: Entry]

    init(metadata: [String: String], entries: [String: Entry]) {
        self.metadata = metadata
        self.entries = entries
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        metadata = [:]
        entries = [:]
        for key in container.allKeys {
            if key.stringValue == Key.metadata {
                metadata = try container.decode([String: String].self, forKey: key)
                continue
            }
            let entry = try container.decode(Entry.self, forKey: key)
            guard entry.data_offsets.count == 2 else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "two offsets")
            }
            entries[key.stringValue] = entry
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        if !metadata.isEmpty {
            try container.encode(metadata, forKey: Key(stringValue: Key.metadata))
        }
        for (name, entry) in entries {
            try container.encode(entry, forKey: Key(stringValue: name))
        }
    }
}
