// SPDX-License-Identifier: Apache-2.0

import Models
import Networks
import Testing

/// Everything that is refused, with the whole line that says so.
@Suite struct RefusalTests {
    private static let kinds = LayerKind.allCases.map(\.rawValue).joined(separator: ", ")
    private static let extent = "a whole number from 1 to 2147483647"
    private static let step = "a whole number from 1 to 32768, or a pair [y, x] of them"
    private static let padding = "a whole number from 0 to 32768, or a pair [y, x] of them"

    /// The line for a file whose layer 1 of 3 is this one.
    private func second(_ layer: String, input: String = "[4, 8, 8]") -> String? {
        refusal(
            """
            input = \(input)
            classes = 3
            [[layer]]
            kind = "relu"
            [[layer]]
            \(layer)
            [[layer]]
            kind = "linear"
            outputs = 3
            """
        )
    }

    @Test func wholeFile() {
        let end = "\n[[layer]]\nkind = 'linear'\noutputs = 2"
        let shape =
            "the shape of one example: 1 to 4 whole numbers from 1 on, as [1, 28, 28], with a product below 2^31"
        let name = "1 to 64 of a-z A-Z 0-9 . _ -"
        for (text, line) in [
            ("", "lacks input, \(shape)"),
            (
                "imput = [2]" + end,
                "has an unknown key 'imput'; did you mean input? known are name, input, classes, layer"
            ),
            ("[other]\na = 1" + end, "has an unknown key 'other'; known are name, input, classes, layer"),
            ("input = 2\nclasses = 2" + end, "input is a whole number, but must be \(shape)"),
            ("input = []\nclasses = 2" + end, "input must be \(shape)"),
            ("input = [0]\nclasses = 2" + end, "input must be \(shape)"),
            ("input = ['2']\nclasses = 2" + end, "input must be \(shape)"),
            ("input = [1, 1, 1, 1, 2]\nclasses = 2" + end, "input must be \(shape)"),
            ("input = [65536, 32768]\nclasses = 2" + end, "input must be \(shape)"),
            ("input = [2]\nclasses = 1" + end, "classes is 1, but must be a whole number from 2 to 2147483647"),
            (
                "input = [2]\nclasses = 2.0" + end,
                "classes is a number, but must be a whole number from 2 to 2147483647"
            ),
            ("name = ''\ninput = [2]\nclasses = 2" + end, "name is '', but must be \(name)"),
            ("name = 'a b'\ninput = [2]\nclasses = 2" + end, "name is 'a b', but must be \(name)"),
            ("name = 1\ninput = [2]\nclasses = 2" + end, "name is a whole number, but must be \(name)"),
            ("input = [2]\nclasses = 2", "lacks layers; give at least one, [[layer]]"),
            ("input = [2]\nclasses = 2\nlayer = []", "lacks layers; give at least one, [[layer]]"),
            ("input = [2]\nclasses = 2\nlayer = 3", "layer is a whole number, but must be a list of layers, [[layer]]"),
            (
                "input = [2]\nclasses = 2\n[layer]\nkind = 'relu'",
                "layer is a table, but must be a list of layers, [[layer]]"
            ),
            (
                "input = [2]\nclasses = 2\nlayer = [true]",
                "layer holds a boolean, but must be a list of layers, [[layer]]"
            ),
        ] {
            #expect(refusal(text) == "my.toml: \(line)")
        }
    }

    @Test func kind() {
        #expect(second("outputs = 3") == "my.toml: layer 1: lacks kind, one of \(Self.kinds)")
        #expect(second("kind = 3") == "my.toml: layer 1: kind is a whole number, but must be one of \(Self.kinds)")
        for (name, nearest) in [
            ("Conv2d", "conv2d"), ("max_pool", "max-pool"), ("LSTM", "lstm"), ("reul", "relu"),
            ("layernorm", "layer-norm"),
            ("standardized-conv2d", "standardised-conv2d"),
        ] {
            #expect(
                second("kind = '\(name)'")
                    == "my.toml: layer 1: there is no kind '\(name)'; did you mean \(nearest)? known are \(Self.kinds)"
            )
        }
        #expect(
            second("kind = 'transformer'")
                == "my.toml: layer 1: there is no kind 'transformer'; known are \(Self.kinds)"
        )
        let long = String(repeating: "x", count: 50)
        #expect(
            second("kind = \"a\\n\(long)\"")
                == "my.toml: layer 1: there is no kind 'a\u{FFFD}\(long.prefix(38))...'; known are \(Self.kinds)"
        )
    }

    @Test func advice() {
        for kind in ["batch-norm", "batchnorm", "sync-batch-norm", "BatchNorm2d", "batch_norm"] {
            #expect(
                second("kind = '\(kind)'")
                    == "my.toml: layer 1: kind '\(kind)': batch statistics mix examples, so one example's gradient has no "
                    + "bound; use group-norm"
            )
        }
        for key in ["tie", "weights", "share", "tied-to", "share_weights"] {
            #expect(
                second("kind = 'linear'\n\(key) = 'embedding'")
                    == "my.toml: layer 1 (linear): '\(key)': tied weights need a cross term in the norm of an example's "
                    + "gradient; give the layer its own weights"
            )
        }
        let directions = "recurrent layers read in one direction; use attention where every place must see the others"
        #expect(
            second("kind = 'lstm'\noutputs = 2\nbidirectional = true")
                == "my.toml: layer 1 (lstm): 'bidirectional': \(directions)"
        )
        #expect(second("kind = 'bilstm'") == "my.toml: layer 1: kind 'bilstm': \(directions)")
    }

    @Test func keys() {
        for (layer, line) in [
            ("kind = 'relu'\nslope = 1", "(relu): has an unknown key 'slope'; known are kind, name"),
            (
                "kind = 'linear'\noutput = 3",
                "(linear): has an unknown key 'output'; did you mean outputs? known are kind, "
                    + "name, outputs, bias"
            ),
            ("kind = 'linear'", "(linear): lacks outputs, \(Self.extent)"),
            ("kind = 'linear'\noutputs = 0", "(linear): outputs is 0, but must be \(Self.extent)"),
            ("kind = 'linear'\noutputs = -1", "(linear): outputs is -1, but must be \(Self.extent)"),
            ("kind = 'linear'\noutputs = 2147483648", "(linear): outputs is 2147483648, but must be \(Self.extent)"),
            ("kind = 'linear'\noutputs = '3'", "(linear): outputs is a string, but must be \(Self.extent)"),
            ("kind = 'linear'\noutputs = [3]", "(linear): outputs must be \(Self.extent)"),
            ("kind = 'linear'\noutputs = 3\nbias = 1", "(linear): bias is a whole number, but must be true or false"),
            ("kind = 'conv2d'\noutputs = 3", "(conv2d): lacks kernel, \(Self.step)"),
            ("kind = 'conv2d'\noutputs = 3\nkernel = 0", "(conv2d): kernel is 0, but must be \(Self.step)"),
            ("kind = 'conv2d'\noutputs = 3\nkernel = [3, 0]", "(conv2d): kernel is [3, 0], but must be \(Self.step)"),
            ("kind = 'conv2d'\noutputs = 3\nkernel = [3]", "(conv2d): kernel must be \(Self.step)"),
            ("kind = 'conv2d'\noutputs = 3\nkernel = [3, 3, 3]", "(conv2d): kernel must be \(Self.step)"),
            ("kind = 'conv2d'\noutputs = 3\nkernel = [3, 3.0]", "(conv2d): kernel must be \(Self.step)"),
            ("kind = 'conv2d'\noutputs = 3\nkernel = 3.0", "(conv2d): kernel is a number, but must be \(Self.step)"),
            (
                "kind = 'conv2d'\noutputs = 3\nkernel = 3\nstride = 32769",
                "(conv2d): stride is 32769, but must be \(Self.step)"
            ),
            (
                "kind = 'conv2d'\noutputs = 3\nkernel = 3\npadding = -1",
                "(conv2d): padding is -1, but must be \(Self.padding)"
            ),
            (
                "kind = 'conv2d'\noutputs = 3\nkernel = 3\ndilation = 0",
                "(conv2d): dilation is 0, but must be \(Self.step)"
            ),
            (
                "kind = 'conv2d'\noutputs = 3\nkernel = 3\ngroups = 0",
                "(conv2d): groups is 0, but must be \(Self.extent)"
            ),
            ("kind = 'group-norm'", "(group-norm): lacks groups, \(Self.extent)"),
            (
                "kind = 'layer-norm'\nepsilon = 0",
                "(layer-norm): epsilon is 0.0, but must be a number from 1e-12 to 1"
            ),
            (
                "kind = 'rms-norm'\nepsilon = nan",
                "(rms-norm): epsilon is nan, but must be a number from 1e-12 to 1"
            ),
            ("kind = 'attention'", "(attention): lacks heads, \(Self.extent)"),
            ("kind = 'lstm'", "(lstm): lacks outputs, \(Self.extent)"),
            ("kind = 'gru'\noutputs = true", "(gru): outputs is a boolean, but must be \(Self.extent)"),
            ("kind = 'embedding'\noutputs = 3", "(embedding): lacks vocabulary, a whole number from 1 to 16777216"),
            ("kind = 'layer-norm'\naxes = 4", "(layer-norm): axes is 4, but must be a whole number from 1 to 3"),
            (
                "kind = 'attention'\nheads = 1\nnaming = 'keras'",
                "(attention): naming is 'keras', but must be one of pytorch, timm"
            ),
            (
                "kind = 'embedding'\noutputs = 3\nvocabulary = 5\npadding-index = 5",
                "(embedding): padding-index is 5, but must be a whole number from 0 to 4"
            ),
            ("kind = 'max-pool'", "(max-pool): lacks kernel, \(Self.step)"),
            (
                "kind = 'average-pool'\nkernel = 2\ncounts-padding = 'no'",
                "(average-pool): counts-padding is a string, but must be true or false"
            ),
            (
                "kind = 'adaptive-average-pool'",
                "(adaptive-average-pool): lacks size, \(Self.extent), or a pair [y, x] of them"
            ),
            ("kind = 'dropout'", "(dropout): lacks rate, a number from 0 to below 1"),
            ("kind = 'dropout'\nrate = 1", "(dropout): rate is 1.0, but must be a number from 0 to below 1"),
            ("kind = 'dropout'\nrate = -0.1", "(dropout): rate is -0.1, but must be a number from 0 to below 1"),
            ("kind = 'dropout'\nrate = inf", "(dropout): rate is inf, but must be a number from 0 to below 1"),
            ("kind = 'dropout'\nrate = '0'", "(dropout): rate is a string, but must be a number from 0 to below 1"),
            ("kind = 'residual'", "(residual): lacks layers; give at least one, [[layers]]"),
            ("kind = 'sequence'\nlayers = []", "(sequence): lacks layers; give at least one, [[layers]]"),
            (
                "kind = 'sequence'\nlayers = 'relu'",
                "(sequence): layers is a string, but must be a list of layers, [[layers]]"
            ),
            (
                "kind = 'residual'\nlayers = [{kind = 'relu'}]\nshortcut = [{}, 1]",
                "(residual): shortcut holds a whole number, but must be a list of layers, [[shortcut]]"
            ),
            (
                "kind = 'residual'\nlayers = [{kind = 'relu'}]\nshortcut = []",
                "(residual): lacks layers; give at least one, [[shortcut]]"
            ),
        ] {
            #expect(second(layer) == "my.toml: layer 1 \(line)")
        }
    }

    @Test func places() {
        #expect(
            second("kind = 'residual'\nlayers = [{kind = 'relu'}, {kind = 'linear'}]")
                == "my.toml: layer 1.1 (linear): lacks outputs, \(Self.extent)"
        )
        #expect(
            second("kind = 'residual'\nname = 'block'\nlayers = [{kind = 'relu'}]\nshortcut = [{kind = 'linear'}]")
                == "my.toml: layer block.shortcut.0 (linear): lacks outputs, \(Self.extent)"
        )
        #expect(
            second("kind = 'sequence'\nlayers = [{kind = 'relu'}, {knid = 'relu'}]")
                == "my.toml: layer 1.1: lacks kind, one of \(Self.kinds)"
        )
    }

    @Test func names() {
        let rule = "1 to 64 of a-z A-Z 0-9 _ -"
        #expect(
            second("kind = 'relu'\nname = 3") == "my.toml: layer 1 (relu): name is a whole number, but must be \(rule)"
        )
        for name in ["", "a.b", "é", "a b", String(repeating: "x", count: 65)] {
            #expect(
                second("kind = 'relu'\nname = '\(name)'")
                    == "my.toml: layer 1 (relu): name is '\(name.prefix(40))\(name.count > 40 ? "..." : "")', but must be \(rule)"
            )
        }
        #expect(
            second("kind = 'relu'\nname = 'shortcut'")
                == "my.toml: layer 1 (relu): name is 'shortcut', which means a residual layer's branch"
        )
        // A number stands for the layer with this index.
        #expect(
            second("kind = 'relu'\nname = '0'")
                == "my.toml: layer 1 (relu): its name '0' is that of layer 0; give it another"
        )
        #expect(
            second("kind = 'sequence'\nlayers = [{kind = 'relu', name = 'x'}, {kind = 'tanh', name = 'x'}]")
                == "my.toml: layer 1.1 (tanh): its name 'x' is that of layer 1.0; give it another"
        )
    }

    /// What only Networks can see.
    @Test func shapes() {
        #expect(
            second("kind = 'conv2d'\noutputs = 3\nkernel = 9")
                == "my.toml: layer 1 (Conv2d) cannot take an input of shape [4, 8, 8]: its 9 x 9 window needs an image of at "
                + "least [9, 9]"
        )
        #expect(
            second("kind = 'conv2d'\noutputs = 3\nkernel = 3\ngroups = 3")
                == "my.toml: layer 1 (Conv2d) cannot take an input of shape [4, 8, 8]: 4 channels cannot be divided into 3 "
                + "groups"
        )
        #expect(
            second("kind = 'flatten'", input: "[3]\nname = 'x'") == nil
        )
        #expect(
            second("kind = 'linear'\noutputs = 2000000000", input: "[2000000000]")?.hasPrefix(
                "my.toml: layer 1 (Linear) "
            )
                == true
        )
        #expect(
            refusal("input = [4]\nclasses = 3\nlayer = [{kind = 'linear', outputs = 4}]")
                == "my.toml: the network ends in shape [4]; 3 classes need [3], or [tokens, 3]"
        )
    }

    @Test func limits() {
        func nested(_ levels: Int) -> String {
            let inner = "{kind = 'linear', outputs = 2}"
            let open = String(repeating: "{kind = 'sequence', layers = [", count: levels - 1)
            return "input = [2]\nclasses = 2\nlayer = [" + open + inner + String(repeating: "]}", count: levels - 1)
                + "]"
        }
        #expect(refusal(nested(32)) == nil)
        let path = Array(repeating: "0", count: 32).joined(separator: ".")
        #expect(
            refusal(nested(33))
                == "my.toml: layer \(path) (sequence): is nested too deep; layers may be inside of each other 32 deep"
        )
        let head = "input = [2]\nclasses = 2\nlayer = [{kind = 'linear', outputs = 2},\n"
        let many = head + String(repeating: "{kind = 'relu'},\n", count: 9_999) + "]"
        #expect(refusal(many) == nil)
        let more = head + String(repeating: "{kind = 'relu'},\n", count: 10_000) + "]"
        #expect(refusal(more) == "my.toml: has more than 10000 layers")
        // 600 layers of 2^31 - 2^16 weights.
        let wide =
            "{kind = 'linear', outputs = 32768, bias = false}, {kind = 'linear', outputs = 65535, bias = false},\n"
        let heavy = "input = [65535]\nclasses = 65535\nlayer = [\n" + String(repeating: wide, count: 300) + "]"
        #expect(refusal(heavy) == "my.toml: has 1288470528000 parameters; at most 1099511627776 are allowed")
    }
}
