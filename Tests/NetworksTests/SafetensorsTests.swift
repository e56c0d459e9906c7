// SPDX-License-Identifier: Apache-2.0

import Networks
import TestKit
import Testing

@Suite struct SafetensorsTests {
    private static func file(_ header: String, data: Int = 0) -> [UInt8] {
        let text = Array(header.utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
            + [UInt8](repeating: 0, count: data)
    }

    @Test func readsWhatPyTorchWrote() throws {
        let tensors = try Safetensors.decode(fixture("networks/logistic.safetensors"))
        #expect(Set(tensors.map(\.name)) == ["y", "logits", "losses", "norms", "clips", "stride", "sum0", "sum1"])
        #expect(tensors.first { $0.name == "logits" }?.shape == [5, 10])
        #expect(tensors.first { $0.name == "y" }?.values == [1, 4, 7, 0, 3])
    }

    @Test func roundTrip() throws {
        let network = try Network.preset("tanh-cnn", input: Shape([1, 28, 28]), classes: 10)
        var parameters = network.initialParameters(seed: 1)
        parameters[0] = -.infinity
        parameters[1] = .leastNonzeroMagnitude
        let bytes = network.safetensors(parameters)
        #expect(try network.parameters(safetensors: bytes) == parameters)
        #expect((bytes.count - 4 * parameters.count).isMultiple(of: 8))
        let strange = [
            NamedTensor(name: "a \"b\" \\ é \n", shape: [], values: [1]),
            NamedTensor(name: "empty", shape: [0, 3], values: []),
        ]
        #expect(Set(try Safetensors.decode(Safetensors.encode(strange, metadata: ["k": "v"]))) == Set(strange))
    }

    /// The bytes of a file worked out by hand from the format's description.
    @Test func bytesOfAFile() {
        let bytes = Safetensors.encode([NamedTensor(name: "w", shape: [2], values: [1, -2])])
        let header = #"{"w":{"data_offsets":[0,8],"dtype":"F32","shape":[2]}}"#
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        #expect(bytes == Self.file(padded) + [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0])
    }

    @Test func parametersOfAnotherNetwork() throws {
        let small = try Network.preset("logistic", input: Shape([4]), classes: 2)
        let other = try Network.preset("logistic", input: Shape([5]), classes: 2)
        #expect(throws: SafetensorsError.tensor("1.weight", reason: "shape [2, 4], model logistic needs [2, 5]")) {
            try other.parameters(safetensors: small.safetensors(small.initialParameters(seed: 0)))
        }
        #expect(throws: SafetensorsError.tensor("1.weight", reason: "missing; model logistic needs shape [2, 4]")) {
            try small.parameters(safetensors: Self.file("{}"))
        }
    }

    @Test(arguments: [
        [], [1, 2, 3], [UInt8](repeating: 255, count: 64), file(""), file("[]"), file("{"), file("null"),
        file(#"{"a":1}"#),
        file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, data: 4),
        file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, data: 4),
        file(#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#, data: 8),
        file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, data: 8),
        file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 4),
        file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 8),
        file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, data: 8),
        file(#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[4,0]}}"#, data: 8),
        file(#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#),
        file(#"{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}"#),
        file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, data: 4),
        file(
            #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
                + #""b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            data: 4
        ),
        file(String(repeating: "[", count: 100_000)),
        file(#"{"__metadata__":{"a":1}}"#),
    ])
    func hostileBytesAreRefused(bytes: [UInt8]) {
        #expect(throws: SafetensorsError.self) { try Safetensors.decode(bytes) }
    }

    /// Every byte of a small file flipped in turn, and every prefix: an error or tensors, never a trap.
    @Test func mutations() {
        let good = Safetensors.encode([NamedTensor(name: "w", shape: [2], values: [1, -2])], metadata: ["a": "b"])
        for index in good.indices {
            #expect(throws: SafetensorsError.self) { try Safetensors.decode(Array(good.prefix(index))) }
            for flip in [1, 0x20, 0x80, 0xFF] as [UInt8] {
                var bytes = good
                bytes[index] ^= flip
                _ = try? Safetensors.decode(bytes)
            }
        }
    }
}
