// SPDX-License-Identifier: Apache-2.0

extension Network {
    /// The presets' names.
    package static var presets: [String] { ["logistic", "mlp", "tanh-cnn"] }

    /// A network by name.
    ///
    /// - `logistic`: multinomial logistic regression.
    /// - `mlp`: two hidden layers of 512 and 256 with ReLU.
    /// - `tanh-cnn`: the small network of Papernot et al., "Tempered Sigmoid Activations for Deep Learning with
    ///   Differential Privacy" (AAAI 2021), table 1; 26,010 parameters for MNIST.
    ///
    /// - Parameters:
    ///   - input: shape of one example; `tanh-cnn` needs [channels, height, width].
    ///   - classes: at least 2.
    package static func preset(_ name: String, input: Shape, classes: Int) throws(NetworkError) -> Network {
        let layers: [Layer] =
            switch name {
            case "logistic":
                [.flatten, .linear(classes)]
            case "mlp":
                [.flatten, .linear(512), .relu, .linear(256), .relu, .linear(classes)]
            case "tanh-cnn":
                [
                    .convolution(16, kernel: 8, stride: 2, padding: 3), .tanh, .maxPooling(2, stride: 1),
                    .convolution(32, kernel: 4, stride: 2), .tanh, .maxPooling(2, stride: 1),
                    .flatten, .linear(32), .tanh, .linear(classes),
                ]
            default:
                throw .unknownPreset(name, known: presets)
            }
        return try Network(name: name, input: input, classes: classes, layers: layers)
    }
}
