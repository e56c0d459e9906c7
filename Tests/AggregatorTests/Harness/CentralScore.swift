// SPDX-License-Identifier: Apache-2.0

import Datasets
import Glibc
import Networks

/// How well a logistic regression does on data, by a plain loop in doubles over a model file's tensors.
struct CentralScore {
    let examples: Int
    let correct: Int
    /// The sum of the losses, each clipped.
    let losses: Double

    init(model: [UInt8], on data: Dataset, lossBound: Double) throws {
        let tensors = try Safetensors.decode(model)
        let weight = tensors.first { $0.shape.count == 2 }?.values ?? []
        let bias = tensors.first { $0.shape.count == 1 }?.values ?? []
        precondition(weight.count == bias.count * data.featureCount, "the model of a logistic regression")
        var (correct, losses) = (0, 0.0)
        for example in 0..<data.count {
            var features = [Float](repeating: 0, count: data.featureCount)
            var span = features.mutableSpan
            data.write(example: example, into: &span)
            let logits = bias.indices.map { row in
                features.indices.reduce(Double(bias[row])) { sum, column in
                    sum + Double(weight[row * features.count + column]) * Double(features[column])
                }
            }
            let label = Int(data.label(example))
            let largest = logits.max() ?? 0
            correct += logits.firstIndex(of: largest) == label ? 1 : 0
            let loss = largest + log(logits.reduce(0) { $0 + exp($1 - largest) }) - logits[label]
            losses += min(loss, lossBound)
        }
        examples = data.count
        self.correct = correct
        self.losses = losses
    }

    var accuracy: Double { Double(correct) / Double(examples) }
    var loss: Double { losses / Double(examples) }
}
