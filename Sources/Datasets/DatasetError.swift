// SPDX-License-Identifier: Apache-2.0

/// Why a data set was not loaded or a sampler not made: one line with what, where and what would be right.
package enum DatasetError: Error, Hashable, CustomStringConvertible {
    /// A specification that names no data set.
    case unknownSpecification(String)
    /// A part `K/N` outside `1 <= K <= N <= limit`, the number of training examples.
    case badPart(String, limit: Int)
    /// The operating system or zlib refused; `reason` is theirs.
    case unreadable(file: String, reason: String)
    /// Neither the plain file nor the compressed one is there.
    case missing(file: String)
    /// A batch of CIFAR-10 is not there.
    case missingBatch(file: String)
    /// A file of whole records ends within one, or holds none.
    case partialRecord(file: String, found: Int, record: Int)
    /// A file is compressed where a plain one is needed.
    case compressed(file: String)
    /// The first four bytes are not those of the format.
    case wrongMagic(file: String, found: UInt32, expected: UInt32)
    /// A dimension of the header outside the limit.
    case dimensionOutOfRange(file: String, what: String, found: Int, limit: ClosedRange<Int>)
    /// The file holds fewer bytes than its header says.
    case truncated(file: String, found: Int, expected: Int)
    /// The file holds more bytes than its header says.
    case oversized(file: String, expected: Int)
    /// A label that is no class; the label itself is private.
    case labelOutOfRange(file: String, classes: Int)
    /// Two files that must agree do not.
    case countsDiffer(file: String, found: Int, other: String, expected: Int)
    /// A sampling rate outside `2^-64 <= q <= 1`.
    case rateOutOfRange(Double)

    package var description: String {
        switch self {
        case .unknownSpecification(let text):
            return "data \"\(text)\": no such data set; there are \(DatasetSource.forms.joined(separator: ", "))"
        case .badPart(let text, let limit):
            return "data part \"\(text)\": not K/N with 1 <= K <= N <= \(limit), the number of examples"
        case .unreadable(let file, let reason):
            return "\(file): cannot be read (\(reason)); a regular file, plain or whole gzip, would be right"
        case .missing(let file):
            return "\(file): no such file, nor \(file).gz; the four files of MNIST by their usual names would be right"
        case .missingBatch(let file):
            return "\(file): no such file; data_batch_1.bin, further ones and test_batch.bin of CIFAR-10 would be right"
        case .partialRecord(let file, let found, let record):
            return "\(file): has \(found) bytes; a multiple of \(record), a byte of label and one image, would be right"
        case .compressed(let file):
            return "\(file): is compressed; the plain file, as gunzip leaves it, would be right"
        case .wrongMagic(let file, let found, let expected):
            return "\(file): starts with \(hexadecimal(found)); \(hexadecimal(expected)) would be right"
        case .dimensionOutOfRange(let file, let what, let found, let limit):
            return "\(file): header says \(found) \(what); \(limit.lowerBound) to \(limit.upperBound) would be right"
        case .truncated(let file, let found, let expected):
            return "\(file): ends after \(found) bytes; \(expected) would be right by its header"
        case .oversized(let file, let expected):
            return "\(file): goes on after the \(expected) bytes that its header says"
        case .labelOutOfRange(let file, let classes):
            return "\(file): holds a label that is no class; 0 to \(classes - 1) would be right"
        case .countsDiffer(let file, let found, let other, let expected):
            return "\(file): \(found), but \(other): \(expected); equal numbers would be right"
        case .rateOutOfRange(let rate):
            return "sampling rate \(rate): not in (0, 1]; the expected batch over the declared size would be right"
        }
    }
}

private func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
}
