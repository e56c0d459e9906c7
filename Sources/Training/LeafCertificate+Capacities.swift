// SPDX-License-Identifier: Apache-2.0

extension LeafCertificate {
    /// The capacities that layers are given.
    package static let usualCapacities = [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320, 384, 512]

    /// Large capacities for layers summed by leaves with an inflation of at most `limit` in all; nil for a layer that
    /// must be summed exactly instead.
    ///
    /// Layers that do not fit even with the smallest capacity are given up, the one with the greatest error first. The
    /// others get the greatest capacities whose accumulation errors, layer by layer, stay below one common level; what
    /// is left of the limit then raises single layers, the first ones first.
    ///
    /// - Parameters:
    ///   - layers: candidates.
    ///   - exactCoordinates: coordinates of everything else.
    package static func capacities(
        for layers: [LeafLayer],
        exactCoordinates: Int,
        clip: Double,
        gridExponent: Int,
        limit: Double = 1.01
    ) -> [Int?] {
        func inflation(_ capacities: [Int?]) -> Double {
            let chosen = layers.indices.filter { capacities[$0] != nil }
            let exact = layers.indices.filter { capacities[$0] == nil }
            return LeafCertificate(
                exactCoordinates: exact.reduce(exactCoordinates) { $0 + layers[$1].coordinates },
                layers: chosen.map { layers[$0] },
                capacities: chosen.compactMap { capacities[$0] },
                gridExponent: gridExponent
            ).inflation(clip: clip)
        }

        var capacities: [Int?] = layers.map { _ in usualCapacities[0] }
        while inflation(capacities) > limit {
            let kept = layers.indices.filter { capacities[$0] != nil }
            guard let worst = kept.max(by: { error(layers[$0]) < error(layers[$1]) }) else { return capacities }
            capacities[worst] = nil
        }
        let kept = layers.indices.filter { capacities[$0] != nil }
        let levels = kept.flatMap { index in usualCapacities.map { scaledAccumulation(layers[index], $0) } }
        for level in Set(levels).sorted() {
            var next = capacities
            for index in kept {
                next[index] =
                    usualCapacities.last { scaledAccumulation(layers[index], $0) <= level } ?? usualCapacities[0]
            }
            guard inflation(next) <= limit else { break }
            capacities = next
        }
        for index in kept {
            for capacity in usualCapacities where capacity > capacities[index] ?? 0 {
                var next = capacities
                next[index] = capacity
                guard inflation(next) <= limit else { break }
                capacities = next
            }
        }
        return capacities
    }

    private static func scaledAccumulation(_ layer: LeafLayer, _ capacity: Int) -> Double {
        layer.accumulation(capacity: capacity).value * layer.massCap
    }

    /// What a layer adds to the inflation by itself at the smallest capacity.
    private static func error(_ layer: LeafLayer) -> Double {
        scaledAccumulation(layer, usualCapacities[0]) + layer.normError * layer.massCap * layer.massCap / 2
    }
}
