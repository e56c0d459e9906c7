// SPDX-License-Identifier: Apache-2.0

import Models
import Networks
import TestKit
import Testing

/// Presets, files, and what the data say about them.
@Suite struct AgreementTests {
    private static let text =
        "input = [1, 4, 4]\nclasses = 3\n[[layer]]\nkind = 'flatten'\n[[layer]]\nkind = 'linear'\noutputs = 3"
    private static let bare = "[[layer]]\nkind = 'flatten'\n[[layer]]\nkind = 'linear'\noutputs = 3"

    private func lineOfRefusal(loading name: String) -> String? {
        do throws(ModelError) {
            _ = try ModelSource.load(name, input: nil, classes: nil)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func presets() throws {
        for name in Network.presets {
            let usual = try #require(Network.usualInput(name))
            let loaded = try ModelSource.load(name, input: nil, classes: nil)
            let preset = try Network.preset(name, input: usual, classes: 10)
            #expect(loaded.layout == preset.layout)
            #expect(loaded.name == name)
        }
        let digits = try ModelSource.load("logistic", input: Shape([1, 8, 8]), classes: 7)
        #expect(digits.parameterCount == 65 * 7)
        #expect(
            lineOfRefusal(loading: "tanhcnn")
                == "there is no preset 'tanhcnn'; there are logistic, mlp, tanh-cnn, cifar-tanh-cnn, simple-convnet, "
                + "larger-convnet, vgg11, and a file of layers has a name that ends in .toml"
        )
    }

    @Test func files() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("m.toml")
        #expect(lineOfRefusal(loading: path) == "\(path): no such file; name a preset or a TOML file of layers")
        try folder.put(Array(Self.text.utf8), in: "m.toml")
        #expect(try ModelSource.load(path, input: Shape([1, 4, 4]), classes: 3).parameterCount == 51)
        try folder.put([UInt8](repeating: 0x20, count: 1 << 20 + 1), in: "m.toml")
        #expect(lineOfRefusal(loading: path) == "\(path): has 1048577 bytes; at most 1048576 are allowed")
        #expect(lineOfRefusal(loading: folder.path) == "\(folder.path): cannot read: Is a directory")
    }

    @Test func agreement() throws {
        let image = Shape([1, 4, 4])
        #expect(try model(Self.text, input: image, classes: 3).parameterCount == 51)
        #expect(try model(Self.text, input: image.channelsLast, classes: nil).input == image)
        #expect(try model(Self.bare, input: image, classes: 3).parameterCount == 51)
        let other = refusal(Self.text, input: Shape([4, 4, 1]), classes: nil)
        #expect(other == "my.toml: input is [1, 4, 4], but the data have [4, 4, 1]")
        #expect(refusal(Self.text, input: nil, classes: 4) == "my.toml: classes is 3, but the data have 4")
        #expect(
            refusal(Self.bare, input: image, classes: nil)
                == "my.toml: lacks classes, a whole number from 2 to 2147483647"
        )
        #expect(
            refusal(Self.bare, input: nil, classes: 3)
                == "my.toml: lacks input, the shape of one example: 1 to 4 whole numbers from 1 on, as [1, 28, 28], "
                + "with a product below 2^31"
        )
    }
}
