// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Datasets
package import Noise

/// Why the room Training refused: what, where, and what would be right. No case carries anything about an example.
package enum TrainingError: Error, Hashable, Sendable {
    /// An argument lies outside its range.
    case invalidArgument(name: String, value: String, expected: String)
    /// No clipping method has this name.
    case unknownClipping(name: String, known: [String])
    /// A clipping method cannot certify this network on this grid.
    case notCertified(method: String, reason: String)
    /// Two things that must have the same length do not.
    case lengthMismatch(what: String, found: Int, expected: Int)
    /// A diagnostic of data that nobody declared public was asked for.
    case notPublic(dataset: String)
    /// The memory limit is below the plan; `smallest` bytes would do.
    case memoryLimit(limit: Int, smallest: Int)
    /// The parameters are no longer finite numbers.
    case diverged(step: Int)
    /// A value has no representation in JSON.
    case notRepresentable(field: String)
    /// The accountant refused.
    case accounting(AccountingError)
    /// The noise mechanism refused.
    case noise(NoiseError)
    /// The dataset or its sampler refused.
    case dataset(DatasetError)
}

extension TrainingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidArgument(let name, let value, let expected):
            "\(name): \(value) is not possible; expected \(expected)"
        case .unknownClipping(let name, let known):
            "clipping method '\(name)' does not exist; there is \(known.joined(separator: ", "))"
        case .notCertified(let method, let reason):
            "clipping method '\(method)' gives no sensitivity certificate here: \(reason)"
        case .lengthMismatch(let what, let found, let expected):
            "\(what): \(found) values where \(expected) are needed"
        case .notPublic(let dataset):
            "dataset '\(dataset)' is not declared public: accuracy and loss on it would be an unaccounted release"
        case .memoryLimit(let limit, let smallest):
            "memory limit of \(limit) bytes is too small for this run; the smallest that would do is \(smallest) bytes"
        case .diverged(let step):
            "training diverged at step \(step): parameters are not finite; use a smaller learning rate"
        case .notRepresentable(let field):
            "\(field): not a finite number, which JSON cannot hold"
        case .accounting(let error): error.description
        case .noise(let error): error.description
        case .dataset(let error): error.description
        }
    }
}

extension TrainingError {
    /// Runs `body`, whose errors become those of training by `transform`: one of the cases that hold another room's error.
    static func mapping<Result, Failure: Error>(
        _ transform: (Failure) -> TrainingError,
        _ body: () throws(Failure) -> Result
    ) throws(TrainingError) -> Result {
        do { return try body() } catch { throw transform(error) }
    }
}
