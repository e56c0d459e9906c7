// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit
import Models
import Networks
import Training

/// Which network, where no data says its shape.
struct NetworkOptions: ParsableArguments {
    @Option(help: "The network: a TOML file of layers, or \(Network.presets.joined(separator: ", ")).")
    var model: String

    @Option(help: "Shape of one example, for example 1x28x28; by default the model's usual one.")
    var input: ShapeArgument?

    @Option(help: "The number of classes; by default 10 or what the file says.")
    var classes: Int?

    func network() throws -> Network {
        try ModelSource.load(model, input: input.map { Shape($0.extents) }, classes: classes)
    }
}

extension ClippingMethod: ExpressibleByArgument {
    /// Every method's name, for help texts.
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
