// SPDX-License-Identifier: Apache-2.0

internal import Files
package import Networks
internal import TOML

/// Where a model comes from: a preset, by its name, or a TOML file of layers (docs/models.md).
///
/// The room *Models* turns words into a `Network` and nothing else. It is strict: a key that nobody knows, a missing one,
/// a wrong type, a value out of range or a name used twice is refused in one line that names the file, the layer and the
/// key and says what would be right, so that no typing error trains another network than the one that was meant. What
/// cannot have an exact gradient of single examples (batch statistics, tied weights) is refused with what to use instead.
/// Whatever the file says, nothing of the size of the network is allocated here.
package enum ModelSource {
    /// The largest model file: 1 MiB.
    package static let mostBytes = 1 << 20
    /// The most layers of a file, those inside of others included.
    package static let mostLayers = 10_000
    /// How deep layers may be nested.
    package static let mostLevels = 32
    /// The most parameters of a network.
    package static let mostParameters = 1 << 40

    /// A network by a preset's name or a file's path.
    ///
    /// - Parameters:
    ///   - nameOrPath: a path when it ends in `.toml` or has a `/`, else a preset's name.
    ///   - input: shape of one example. Where it is nil, what the file says, or what the preset was made for.
    ///   - classes: where it is nil, what the file says, or 10 for a preset. What file and caller both give must agree.
    package static func load(_ nameOrPath: String, input: Shape?, classes: Int?) throws(ModelError) -> Network {
        guard isPath(nameOrPath) else { return try preset(nameOrPath, input: input, classes: classes) }
        let bytes: [UInt8]?
        do {
            bytes = try DurableFile.read(nameOrPath, limit: mostBytes)
        } catch {
            throw .file(nameOrPath, reason: error.reason)
        }
        guard let bytes else { throw .file(nameOrPath, reason: "no such file; name a preset or a TOML file of layers") }
        return try parse(bytes, file: nameOrPath, input: input, classes: classes)
    }

    /// Whether this names a file and not a preset.
    package static func isPath(_ nameOrPath: String) -> Bool {
        nameOrPath.hasSuffix(".toml") || nameOrPath.contains("/")
    }

    /// A network from the bytes of a model file; `file` is its name in errors.
    package static func parse(
        _ bytes: [UInt8],
        file: String,
        input: Shape? = nil,
        classes: Int? = nil
    ) throws(ModelError) -> Network {
        let table = ModelTable(try toml(bytes, file: file), at: .file(file))
        try table.check(keys: ["name", "input", "classes", "layer"])
        let name = try table.string("name", LayerName.rule, default: "model")
        guard LayerName.isNetworkName(name) else {
            throw table.error("name is \(Wording.quoted(name)), but must be \(LayerName.rule)")
        }
        let agreedInput = try self.input(table, data: input)
        let agreedClasses = try self.classes(table, data: classes)
        var reader = LayerReader(file: file)
        let layers = try reader.layers("layer", of: table, prefix: "", level: 1)
        let network: Network
        do {
            network = try Network(name: name, input: agreedInput, classes: agreedClasses, layers: layers)
        } catch {
            throw .network(file, error)
        }
        guard network.parameterCount <= mostParameters else {
            throw table.error("has \(network.parameterCount) parameters; at most \(mostParameters) are allowed")
        }
        return network
    }

    private static func toml(_ bytes: [UInt8], file: String) throws(ModelError) -> TOMLTable {
        guard bytes.count <= mostBytes else {
            throw .file(file, reason: "has \(bytes.count) bytes; at most \(mostBytes) are allowed")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .file(file, reason: "is not UTF-8 text; a model file is TOML")
        }
        do {
            return try TOMLReader.table(text)
        } catch {
            throw .file(file, reason: error.description)
        }
    }

    private static func preset(_ name: String, input: Shape?, classes: Int?) throws(ModelError) -> Network {
        do {
            let usual = Network.usualInput(name) ?? Shape([1])
            return try Network.preset(name, input: input ?? usual, classes: classes ?? 10)
        } catch {
            throw .preset(error)
        }
    }

    private static func input(_ table: ModelTable, data: Shape?) throws(ModelError) -> Shape {
        if let data, !table.has("input") { return data }
        let rule = "the shape of one example: 1 to 4 whole numbers from 1 on, as [1, 28, 28], with a product below 2^31"
        let extents = try table.extents("input", rule)
        guard (1...4).contains(extents.count), Shape.isPossible(extents) else {
            throw table.error("input must be \(rule)")
        }
        let input = Shape(extents)
        guard let data, data.dimensions != input.dimensions else { return input }
        throw table.error("input is \(input), but the data have \(data)")
    }

    private static func classes(_ table: ModelTable, data: Int?) throws(ModelError) -> Int {
        if let data, !table.has("classes") { return data }
        let classes = try table.integer("classes", 2...ModelTable.mostElements)
        guard let data, data != classes else { return classes }
        throw table.error("classes is \(classes), but the data have \(data)")
    }
}
