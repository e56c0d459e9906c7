// SPDX-License-Identifier: Apache-2.0

package import Networks

/// What one layer with parameters costs, for reading a plan.
package struct LayerPlan: Hashable, Sendable, Codable {
    /// Position in the chain and kind: `0 Conv2d`.
    package let name: String
    /// The clipping method.
    package let method: String
    /// Bytes of a tile's activations and their gradients that one worker keeps for this layer's gradients.
    package let keptBytes: Int
    /// Whether the layer's activations are computed again instead of kept.
    package let recompute: Bool
    /// 2T²: what an example's norm by Gram matrices takes, T being the places at which the weight is used.
    package let ghostCost: Int
    /// pD: the values of an example's weight gradient.
    package let instantiateCost: Int

    /// Every layer of `network` that has a weight.
    package static func layers(of network: Network, method: any ClippingMethod) -> [LayerPlan] {
        network.operations.enumerated().compactMap { index, operation in
            guard let weight = operation.parameters.first, let rows = weight.shape.dimensions.first else { return nil }
            let places = operation.output.count / rows
            return LayerPlan(
                name: "\(index) \(operation.kind)",
                method: method.name,
                keptBytes: (operation.input.count + operation.output.count) * Network.tileRows
                    * MemoryLayout<Float>.stride,
                recompute: false,
                ghostCost: 2 * places * places,
                instantiateCost: weight.shape.count
            )
        }
    }
}
