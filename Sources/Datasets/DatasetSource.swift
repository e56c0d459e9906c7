// SPDX-License-Identifier: Apache-2.0

/// Where data comes from: `KIND`, `KIND:PATH`, and with `:K/N` the K-th of N disjoint parts of its training set.
///
/// * `digits`: the UCI optical digits, shipped in the package (``Digits``); public.
/// * `idx:DIR`: MNIST and its kin (``IDX``); private unless declared public.
/// * `cifar10:DIR`: the binary version of CIFAR-10 (``CIFAR10``); private unless declared public.
/// * `digits:K/N`, `idx:DIR:K/N`, `cifar10:DIR:K/N`: training examples `K-1, K-1+N, K-1+2N, ...`; the test set stays whole.
/// * `digits-test`, `idx-test:DIR`, `cifar10-test:DIR`, each with `:K/N` too: the published test set in the place of the training
///   set, for a device that holds it out.
///
/// A directory whose own name ends in `:K/N` cannot be named, since the last such ending is the part.
package enum DatasetSource {
    /// The forms of a specification, as errors and help list them.
    package static let forms = [
        "digits", "idx:DIR", "cifar10:DIR", "digits:K/N", "idx:DIR:K/N", "cifar10:DIR:K/N", "digits-test:K/N",
        "idx-test:DIR:K/N", "cifar10-test:DIR:K/N",
    ]

    /// Reads the data set that a specification names.
    ///
    /// - Throws: ``DatasetError``, before a byte beyond the header is read where the header is wrong.
    package static func load(_ specification: String) throws(DatasetError) -> (train: Dataset, test: Dataset) {
        let parsed = try ParsedSpecification(specification)
        var whole: (train: Dataset, test: Dataset)
        switch parsed.kind {
        case .digits: whole = Digits.load()
        case .idx(let directory): whole = try IDX.load(directory: directory)
        case .cifar10(let directory): whole = try CIFAR10.load(directory: directory)
        }
        if parsed.isTest { whole.train = whole.test }
        guard let part = parsed.part else { return whole }
        let name = parsed.isTest ? specification : "\(specification) (train)"
        return (try part.cut(from: whole.train, name: name), whole.test)
    }

    /// Whether two specifications name an example in common, as far as their text says: one folder by two paths is not seen.
    package static func overlap(_ first: String, _ second: String) throws(DatasetError) -> Bool {
        let (one, other) = (try ParsedSpecification(first), try ParsedSpecification(second))
        guard one.kind == other.kind, one.isTest == other.isTest else { return false }
        guard let left = one.part, let right = other.part else { return true }
        // Two arithmetic progressions meet where their beginnings differ by a multiple of the steps' common divisor.
        var (divisor, rest) = (left.parts, right.parts)
        while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
        return (left.index - right.index).isMultiple(of: divisor)
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
    enum Kind: Hashable {
        case digits
        case idx(directory: String)
        case cifar10(directory: String)
    }

    var kind: Kind
    /// The published test set is meant.
    var isTest: Bool
    var part: DatasetPart?

    init(_ text: String) throws(DatasetError) {
        var fields = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if fields.count > 1, let last = fields.last, let part = try DatasetPart(last) {
            self.part = part
            fields.removeLast()
        }
        let path = fields.dropFirst().joined(separator: ":")
        let format = fields.first ?? ""
        isTest = format.hasSuffix(Self.testSuffix)
        switch (isTest ? String(format.dropLast(Self.testSuffix.count)) : format, fields.count) {
        case ("digits", 1): kind = .digits
        case ("idx", 2...) where !path.isEmpty: kind = .idx(directory: path)
        case ("cifar10", 2...) where !path.isEmpty: kind = .cifar10(directory: path)
        default: throw .unknownSpecification(text)
        }
    }

    private static let testSuffix = "-test"
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

    func cut(from train: Dataset, name: String) throws(DatasetError) -> Dataset {
        guard parts <= train.count else { throw .badPart("\(index)/\(parts)", limit: train.count) }
        return train.subset(stride(from: index - 1, to: train.count, by: parts), name: name)
    }
}
