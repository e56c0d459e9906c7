// SPDX-License-Identifier: Apache-2.0

/// Where data comes from: `KIND`, `KIND:PATH`, and with `:K/N` the K-th of N disjoint parts of its training set.
///
/// * `digits`: the UCI optical digits, shipped in the package (``Digits``); public.
/// * `idx:DIR`: MNIST and its kin (``IDX``); private unless declared public.
/// * `cifar10:DIR`: the binary version of CIFAR-10 (``CIFAR10``); private unless declared public.
/// * `digits:K/N`, `idx:DIR:K/N`, `cifar10:DIR:K/N`: training examples `K-1, K-1+N, K-1+2N, ...`; the test set stays whole.
///
/// A directory whose own name ends in `:K/N` cannot be named, since the last such ending is the part.
package enum DatasetSource {
    /// The forms of a specification, as errors and help list them.
    package static let forms = ["digits", "idx:DIR", "cifar10:DIR", "digits:K/N", "idx:DIR:K/N", "cifar10:DIR:K/N"]

    /// Reads the data set that a specification names.
    ///
    /// - Throws: ``DatasetError``, before a byte beyond the header is read where the header is wrong.
    package static func load(_ specification: String) throws(DatasetError) -> (train: Dataset, test: Dataset) {
        let parsed = try ParsedSpecification(specification)
        let whole: (train: Dataset, test: Dataset)
        switch parsed.kind {
        case .digits: whole = Digits.load()
        case .idx(let directory): whole = try IDX.load(directory: directory)
        case .cifar10(let directory): whole = try CIFAR10.load(directory: directory)
        }
        guard let part = parsed.part else { return whole }
        return (try part.cut(from: whole.train, specification: specification), whole.test)
    }

    /// The bytes that ``load(_:)`` will keep and, while it reads, hold at most; files are opened for their headers
    /// only.
    package static func plannedBytes(_ specification: String) throws(DatasetError) -> Int {
        let parsed = try ParsedSpecification(specification)
        switch parsed.kind {
        case .digits: return Digits.plannedBytes
        case .idx(let directory): return try IDX.plannedBytes(directory: directory)
        case .cifar10(let directory): return try CIFAR10.plannedBytes(directory: directory)
        }
    }
}

/// A specification taken apart; nothing is opened.
struct ParsedSpecification {
    enum Kind {
        case digits
        case idx(directory: String)
        case cifar10(directory: String)
    }

    var kind: Kind
    var part: DatasetPart?

    init(_ text: String) throws(DatasetError) {
        var fields = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if fields.count > 1, let last = fields.last, let part = try DatasetPart(last) {
            self.part = part
            fields.removeLast()
        }
        let path = fields.dropFirst().joined(separator: ":")
        switch (fields.first, fields.count) {
        case ("digits", 1): kind = .digits
        case ("idx", 2...) where !path.isEmpty: kind = .idx(directory: path)
        case ("cifar10", 2...) where !path.isEmpty: kind = .cifar10(directory: path)
        default: throw .unknownSpecification(text)
        }
    }
}

/// The `index`-th (from 1) of `parts` disjoint parts, dealt round-robin.
struct DatasetPart {
    var index: Int
    var parts: Int

    /// `nil` where the text is not two decimal numbers around a slash, and therefore belongs to a path.
    init?(_ text: String) throws(DatasetError) {
        let sides = text.split(separator: "/", omittingEmptySubsequences: false)
        guard sides.count == 2, sides.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } })
        else {
            return nil
        }
        guard let index = Int(sides[0]), let parts = Int(sides[1]), index >= 1, index <= parts else {
            throw .badPart(text, limit: Int(Int32.max))
        }
        self.index = index
        self.parts = parts
    }

    func cut(from train: Dataset, specification: String) throws(DatasetError) -> Dataset {
        guard parts <= train.count else { throw .badPart("\(index)/\(parts)", limit: train.count) }
        return train.subset(stride(from: index - 1, to: train.count, by: parts), name: "\(specification) (train)")
    }
}
