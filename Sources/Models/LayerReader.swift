// SPDX-License-Identifier: Apache-2.0

internal import Networks
internal import TOML

/// Turns the tables of a model file into layers, from the outside in.
struct LayerReader {
    let file: String
    private var count = 0

    init(file: String) {
        self.file = file
    }

    /// The layers of the list `[[key]]` of a table, at least one.
    ///
    /// - Parameters:
    ///   - prefix: path of the layers that these are inside of, with a dot at its end.
    ///   - level: 1 for the outermost.
    mutating func layers(
        _ key: String,
        of owner: ModelTable,
        prefix: String,
        level: Int
    ) throws(ModelError) -> [Layer] {
        let tables = try owner.tables(key)
        guard !tables.isEmpty else { throw owner.error("lacks layers; give at least one, [[\(key)]]") }
        guard level <= ModelSource.mostLevels else {
            throw owner.error("is nested too deep; layers may be inside of each other \(ModelSource.mostLevels) deep")
        }
        count += tables.count
        guard count <= ModelSource.mostLayers else {
            throw .file(file, reason: "has more than \(ModelSource.mostLayers) layers")
        }
        var names: [String: Int] = [:]
        var layers: [Layer] = []
        layers.reserveCapacity(tables.count)
        for (index, table) in tables.enumerated() {
            let (name, kind, layer) = try self.layer(table, index: index, prefix: prefix, level: level)
            let part = name ?? "\(index)"
            if let other = names.updateValue(index, forKey: part) {
                throw .layer(
                    file,
                    layer: "\(prefix)\(index)",
                    kind: kind.rawValue,
                    reason: "its name '\(part)' is that of layer \(prefix)\(other); give it another"
                )
            }
            layers.append(name.map { layer.named($0) } ?? layer)
        }
        return layers
    }

    private mutating func layer(
        _ toml: TOMLTable,
        index: Int,
        prefix: String,
        level: Int
    ) throws(ModelError) -> (name: String?, kind: LayerKind, layer: Layer) {
        let bare = ModelTable(toml, at: .layer(file, path: "\(prefix)\(index)", kind: ""))
        let kind = try LayerKind(bare)
        let unnamed = ModelTable(toml, at: .layer(file, path: "\(prefix)\(index)", kind: kind.rawValue))
        let name = try name(unnamed)
        let path = prefix + (name ?? "\(index)")
        let table = ModelTable(toml, at: .layer(file, path: path, kind: kind.rawValue))
        try LayerAdvice.check(table)
        try table.check(keys: ["kind", "name"] + kind.keys)
        switch kind {
        case .sequence:
            return (name, kind, .sequence(try layers("layers", of: table, prefix: path + ".", level: level + 1)))
        case .residual:
            let inner = try layers("layers", of: table, prefix: path + ".", level: level + 1)
            let shortcut =
                table.has("shortcut")
                ? try layers("shortcut", of: table, prefix: path + ".shortcut.", level: level + 1) : []
            return (name, kind, .residual(inner, shortcut: shortcut))
        default:
            return (name, kind, try kind.layer(table))
        }
    }

    private func name(_ table: ModelTable) throws(ModelError) -> String? {
        guard table.has("name") else { return nil }
        let name = try table.string("name", LayerName.layerRule)
        guard LayerName.isLayerName(name) else {
            throw table.error("name is \(Wording.quoted(name)), but must be \(LayerName.layerRule)")
        }
        // A residual layer calls its second branch so.
        guard name != "shortcut" else { throw table.error("name is 'shortcut', which means a residual layer's branch") }
        return name
    }
}
