// SPDX-License-Identifier: Apache-2.0

package import Accounting

/// How epsilon, delta and noise hang together around one release: what a report draws. A value that an accountant does
/// not cover is left out.
package struct PrivacyCurves: Sendable {
    /// A release as a whole and in part.
    package struct Release: Sendable {
        /// How many parts it has, at least 1.
        package let count: Int
        /// The first so many parts.
        package let first: @Sendable (Int) -> PrivacyEvent

        package init(count: Int, first: @escaping @Sendable (Int) -> PrivacyEvent) {
            precondition(count >= 1, "a release has a part")
            self.count = count
            self.first = first
        }

        /// The parts in their order, equal ones counted together.
        package init(_ parts: [PrivacyEvent.Repeated]) {
            // Counts may come from a file, whoever wrote it.
            let whole = parts.reduce(0) { sum, part in
                let (next, overflow) = sum.addingReportingOverflow(max(0, part.count))
                return overflow ? .max : next
            }
            self.init(count: max(1, whole)) { count in
                var left = count
                var taken: [PrivacyEvent.Repeated] = []
                for part in parts where left > 0 && part.count > 0 {
                    taken.append(PrivacyEvent.Repeated(part.event, count: min(left, part.count)))
                    left -= part.count
                }
                return .composed(taken)
            }
        }

        package var whole: PrivacyEvent { first(count) }
    }

    package struct Curve: Hashable, Sendable {
        package let accountant: Accountant
        package let points: [Point]
    }

    package struct Point: Hashable, Sendable {
        package let x: Double
        package let y: Double

        package init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    private let release: Release
    private let delta: Double
    private let epsilon: Double

    /// - Parameters:
    ///   - delta: the accountant's part.
    ///   - epsilon: what is claimed for the whole; not negative.
    package init(_ release: Release, delta: Double, epsilon: Double) {
        self.release = release
        self.delta = delta
        self.epsilon = epsilon
    }

    /// The most points of a curve.
    private static let pointLimit = 24

    /// Epsilon of the first 1, 2, ... parts. zCDP, which knows no sampling, is left out where it says ten times as much.
    package func spend() -> [Curve] {
        let limit = min(release.count, Self.pointLimit)
        var counts: [Int] = []
        for index in 1...limit {
            // Where not every part has a point, more of them at the beginning, where epsilon bends.
            let share = Double(index) / Double(limit)
            let place =
                release.count > limit
                ? Int(exactly: (share * share * Double(release.count)).rounded()) ?? release.count : index
            let count = index == limit ? release.count : max(place, 1)
            if count != counts.last { counts.append(count) }
        }
        return Accountant.allCases.compactMap { accountant in
            curve(accountant, counts.map(Double.init)) { (count) throws(AccountingError) in
                // A count that no double holds is that of all parts.
                let whole = Int(exactly: count) ?? release.count
                return try accountant.epsilon(of: release.first(whole), delta: delta).epsilon
            }
        }
        .filter { $0.accountant != .zcdp || $0.points.last?.y ?? 0 <= 10 * max(epsilon, 0.01) }
    }

    /// Delta at epsilons up to twice what is claimed.
    package func trade() -> [Curve] {
        let most = max(2 * epsilon, 0.1)
        let places = (0...Self.pointLimit).map { most * Double($0) / Double(Self.pointLimit) }
        return [.pld, .rdp].compactMap { accountant in
            curve(accountant, places) { (epsilon) throws(AccountingError) in
                try accountant.delta(of: release.whole, epsilon: epsilon)
            }
        }
    }

    /// Epsilon of the whole with the noise from a third of what it is to three times.
    package func noise() -> [Curve] {
        let factors = (-6...6).map { Self.factor($0) }
        return [.pld, .rdp].compactMap { accountant in
            curve(accountant, factors) { (factor) throws(AccountingError) in
                try accountant.epsilon(of: release.whole.withNoise(times: factor), delta: delta).epsilon
            }
        }
    }

    /// 3 to the sixths.
    private static func factor(_ sixths: Int) -> Double {
        let root = 1.200936955176003
        return (0..<abs(sixths)).reduce(1.0) { value, _ in sixths < 0 ? value / root : value * root }
    }

    /// Nil where the accountant covers no place.
    private func curve(
        _ accountant: Accountant,
        _ places: [Double],
        _ value: (Double) throws(AccountingError) -> Double
    ) -> Curve? {
        let points = places.compactMap { place in (try? value(place)).map { Point(x: place, y: $0) } }
        return points.isEmpty ? nil : Curve(accountant: accountant, points: points)
    }
}

extension PrivacyEvent {
    /// The same release with all noise wider by a factor, which is positive.
    func withNoise(times factor: Double) -> PrivacyEvent {
        switch self {
        case .gaussian(let multiplier):
            .gaussian(noiseMultiplier: multiplier * factor)
        case .discreteGaussian(let sigma, let sensitivity):
            .discreteGaussian(sigma: sigma * factor, sensitivity: sensitivity)
        case .sumOfDiscreteGaussians(let shares, let sigma, let sensitivity):
            .sumOfDiscreteGaussians(shares: shares, sigma: sigma * factor, sensitivity: sensitivity)
        case .poissonSampled(let rate, let event):
            .poissonSampled(rate: rate, event: event.withNoise(times: factor))
        case .skellam(let variance, let l1, let l2):
            .skellam(variance: variance * factor * factor, l1: l1, l2: l2)
        case .truncatedPoisson(let rate, let population, let capacity, let event):
            .truncatedPoisson(
                rate: rate,
                population: population,
                capacity: capacity,
                event: event.withNoise(times: factor)
            )
        case .clientsThenExamples(let clientRate, let exampleRate, let event):
            .clientsThenExamples(
                clientRate: clientRate,
                exampleRate: exampleRate,
                event: event.withNoise(times: factor)
            )
        case .boundedParticipation(let rounds, let participations, let separation, let event):
            .boundedParticipation(
                rounds: rounds,
                participations: participations,
                minimumSeparation: separation,
                event: event.withNoise(times: factor)
            )
        case .treeAggregation(let multiplier, let leaves):
            .treeAggregation(noiseMultiplier: multiplier * factor, leaves: leaves)
        case .bandedMatrix(let multiplier, let iterations, let bands, let rate):
            .bandedMatrix(noiseMultiplier: multiplier * factor, iterations: iterations, bands: bands, rate: rate)
        case .composed(let parts):
            .composed(parts.map { Repeated($0.event.withNoise(times: factor), count: $0.count) })
        }
    }
}
