// SPDX-License-Identifier: Apache-2.0

internal import Kernels

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Softmax cross-entropy of one example: the mean over its places that have a label, 0 where none has.
///
/// PyTorch's `CrossEntropyLoss` takes the mean over all labelled tokens of the batch, which would make an example's
/// gradient depend on the others; this is its value for a batch of one.
enum CrossEntropy {
    /// The gradient by the logits: (softmax - onehot) / labelled places, zero at places without a label.
    static func gradient(
        _ logits: TileValue,
        example: Int,
        classes: Int,
        labels: [Int32],
        into gradient: TileValue
    ) {
        let places = logits.count / classes
        let first = example * places
        var labelled = 0
        for place in 0..<places where labels[first + place] >= 0 { labelled += 1 }
        logits.buffer.read(logits.range(example)) { logits in
            gradient.buffer.write(gradient.range(example)) { gradient in
                for place in 0..<places {
                    let range = place * classes..<(place + 1) * classes
                    var row = gradient._mutatingExtracting(range)
                    let label = Int(labels[first + place])
                    guard label >= 0 else {
                        Elementwise.clear(&row)
                        continue
                    }
                    Elementwise.crossEntropyBackward(logits: logits.extracting(range), label: label, into: &row)
                    if labelled > 1 { Elementwise.scale(&row, by: 1 / Float(labelled)) }
                }
            }
        }
    }

    /// The loss, and how many labels are right, of how many.
    static func score(
        _ logits: TileValue,
        example: Int,
        classes: Int,
        labels: [Int32]
    ) -> (loss: Double, correct: Int, labels: Int) {
        let places = logits.count / classes
        return logits.buffer.read(logits.range(example)) { logits in
            var (loss, correct, labelled) = (0.0, 0, 0)
            for place in 0..<places {
                let label = Int(labels[example * places + place])
                guard label >= 0 else { continue }
                labelled += 1
                let row = logits.extracting(place * classes..<(place + 1) * classes)
                let (placeLoss, isRight) = crossEntropy(row, label: label)
                loss += placeLoss
                correct += isRight ? 1 : 0
            }
            return (labelled > 0 ? loss / Double(labelled) : 0, correct, labelled)
        }
    }

    private static func crossEntropy(_ logits: Span<Float>, label: Int) -> (loss: Double, isRight: Bool) {
        var best = 0
        for index in logits.indices {
            guard !logits[index].isNaN else { return (.infinity, false) }
            if logits[index] > logits[best] { best = index }
        }
        let greatest = Double(logits[best])
        guard greatest.isFinite else { return (.infinity, false) }
        var sum = 0.0
        for index in logits.indices {
            sum += exp(Double(logits[index]) - greatest)
        }
        return (log(sum) + greatest - Double(logits[label]), best == label)
    }
}
