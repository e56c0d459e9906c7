// SPDX-License-Identifier: Apache-2.0

extension Network {
    /// The presets' names.
    package static var presets: [String] {
        ["logistic", "mlp", "tanh-cnn", "cifar-tanh-cnn", "simple-convnet", "larger-convnet", "vgg11"]
    }

    /// A network by name.
    ///
    /// - `logistic`: multinomial logistic regression.
    /// - `mlp`: two hidden layers of 512 and 256 with ReLU.
    /// - `tanh-cnn`: the small network of Papernot et al., "Tempered Sigmoid Activations for Deep Learning with
    ///   Differential Privacy" (AAAI 2021), table 1; 26,010 parameters for MNIST.
    /// - `cifar-tanh-cnn`: the same paper's network for CIFAR-10, table 2; 550,570 parameters.
    /// - `simple-convnet`: LeNet-5 with ReLU and max pooling; 62,006 parameters for CIFAR-10.
    /// - `larger-convnet`: four convolutions with average pooling; 131,466 parameters for CIFAR-10.
    /// - `vgg11`: VGG-11's convolutions and a classifier of one hidden layer of 4,096, for images of 32 x 32.
    ///
    /// - Parameters:
    ///   - input: shape of one example; the convolutional networks need [channels, height, width].
    ///   - classes: at least 2.
    package static func preset(_ name: String, input: Shape, classes: Int) throws(NetworkError) -> Network {
        guard let layers = layers(name, classes: classes) else { throw .unknownPreset(name, known: presets) }
        return try Network(name: name, input: input, classes: classes, layers: layers)
    }

    /// The shape of one example that a preset was made for; nil where there is no such preset.
    package static func usualInput(_ preset: String) -> Shape? {
        switch preset {
        case "logistic", "mlp", "tanh-cnn": Shape([1, 28, 28])
        case "cifar-tanh-cnn", "simple-convnet", "larger-convnet", "vgg11": Shape([3, 32, 32])
        default: nil
        }
    }

    private static func layers(_ name: String, classes: Int) -> [Layer]? {
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
        case "cifar-tanh-cnn":
            pyramid([32, 64, 128], .tanh) + [.flatten, .linear(128), .tanh, .linear(classes)]
        case "simple-convnet":
            [
                .convolution(6, kernel: 5), .relu, .maxPooling(2, stride: 2),
                .convolution(16, kernel: 5), .relu, .maxPooling(2, stride: 2),
                .flatten, .linear(120), .relu, .linear(84), .relu, .linear(classes),
            ]
        case "larger-convnet":
            [32, 64, 64].flatMap { channels in
                [.convolution(channels, kernel: 3, padding: 1), .relu, .averagePooling(2, stride: 2)]
            } + [
                .convolution(128, kernel: 3, padding: 1), .relu, .adaptiveAveragePooling(height: 1, width: 1),
                .flatten, .linear(classes),
            ]
        case "vgg11":
            [[64], [128], [256, 256], [512, 512], [512, 512]].flatMap { channels in
                channels.flatMap { [Layer.convolution($0, kernel: 3, padding: 1), .relu] } + [.maxPooling(2, stride: 2)]
            } + [.flatten, .linear(4096), .relu, .linear(classes)]
        default:
            nil
        }
    }

    /// Two 3 x 3 convolutions and a 2 x 2 max pooling for each width.
    private static func pyramid(_ widths: [Int], _ activation: Layer) -> [Layer] {
        widths.flatMap { width in
            [
                .convolution(width, kernel: 3, padding: 1), activation,
                .convolution(width, kernel: 3, padding: 1), activation,
                .maxPooling(2, stride: 2),
            ]
        }
    }
}
