// SPDX-License-Identifier: Apache-2.0

import Networks

/// What the ways to a weight's clipped sum cost, in nanoseconds an example, on a core that multiplies at `rate` and passes
/// over coordinates in cache at `pass`. The ratios decide, and they vary little between machines.
struct ClippingCost {
    /// Multiplications and additions a nanosecond of a matrix product.
    var rate = 100.0
    /// The same of the small products that Gram matrices are made of.
    var gramRate = 40.0
    /// Nanoseconds a coordinate to read or to add integers.
    var pass = 0.2
    /// Examples of a leaf.
    var leafExamples = 16.0
    /// The most coordinates of which an example's whole gradient stays in cache.
    var wholeCoordinates = 160_000

    /// One product of the weight's gradient.
    func product(_ shape: WeightProduct) -> Double {
        2 * Double(shape.places) * Double(shape.coordinates) / rate
    }

    /// Norm by the gradient, which is then added as integers, and made again for that where it is large.
    func integers(_ shape: WeightProduct) -> Double {
        let times = shape.coordinates <= wholeCoordinates ? 1.0 : 2.0
        return times * product(shape) + 3 * pass * Double(shape.coordinates)
    }

    /// Norm by Gram matrices, sum by leaves.
    func leaf(_ shape: WeightProduct) -> Double {
        let places = Double(shape.places)
        let gram =
            places > 1
            ? 1.5 * places * places * Double(shape.rows + shape.columns) * Double(shape.groups) / gramRate : 0
        let mass = 0.15 * places * Double(shape.rows + shape.columns) * Double(shape.groups)
        return product(shape) + gram + mass + 2 * pass * Double(shape.coordinates) / leafExamples
    }

    /// Whether layers are worth a path of their own even where one example's whole gradient stays in cache: where much of
    /// it is outer products, whose norm takes no gradient at all and whose sum is one product for many examples.
    func prefersLayers(_ network: Network) -> Bool {
        let products = network.weightProducts
        let outer = products.reduce(0) { $0 + ($1.shape.places == 1 ? $1.shape.coordinates : 0) }
        return outer * 4 > network.parameterCount
    }
}
