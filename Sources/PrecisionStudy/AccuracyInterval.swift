// SPDX-License-Identifier: Apache-2.0

/// An interval that holds the accuracy with 95 %.
package struct AccuracyInterval: Hashable, Sendable, Codable {
    /// What it is about.
    package enum Kind: String, Hashable, Sendable, Codable {
        /// The mean over seeds, by Student's t: how much the seed matters. The test set is the same for all of them.
        case student
        /// One run's accuracy, by Wilson's score: how much the test examples matter.
        case wilson
    }

    package let low: Double
    package let high: Double
    package let kind: Kind

    /// Student's t over at least two runs, cut to what an accuracy can be; Wilson's score for one; nil for none.
    ///
    /// - Parameter examples: of the test set, at least 1.
    package init?(_ accuracies: [Double], examples: Int) {
        let count = Double(accuracies.count)
        guard count > 1 else {
            guard let accuracy = accuracies.first else { return nil }
            let (low, high) = Self.wilson(accuracy, Double(examples))
            (self.low, self.high, kind) = (low, high, .wilson)
            return
        }
        let mean = accuracies.reduce(0, +) / count
        let variance = accuracies.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        let half = Self.student(accuracies.count - 1) * (variance / count).squareRoot()
        (low, high, kind) = (max(0, mean - half), min(1, mean + half), .student)
    }

    private static func wilson(_ share: Double, _ count: Double) -> (Double, Double) {
        let z = 1.959964
        let middle = share + z * z / (2 * count)
        let half = z * (share * (1 - share) / count + z * z / (4 * count * count)).squareRoot()
        let scale = 1 + z * z / count
        return (max(0, (middle - half) / scale), min(1, (middle + half) / scale))
    }

    /// The 97.5 % quantile of Student's t; that of 30 degrees of freedom from there on, which is a little wide.
    private static func student(_ degrees: Int) -> Double {
        let quantiles = [
            12.7063, 4.3027, 3.1825, 2.7765, 2.5706, 2.4470, 2.3647, 2.3061, 2.2622, 2.2282, 2.2010, 2.1789, 2.1604,
            2.1448, 2.1315, 2.1200, 2.1099, 2.1010, 2.0931, 2.0860, 2.0797, 2.0739, 2.0687, 2.0639, 2.0596, 2.0556,
            2.0519, 2.0485, 2.0453, 2.0423,
        ]
        return quantiles[min(max(1, degrees), quantiles.count) - 1]
    }
}
