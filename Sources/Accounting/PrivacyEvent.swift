// SPDX-License-Identifier: Apache-2.0

/// What was released, as a value that the sampler and the noise mechanism produce and an accountant reads.
///
/// The adjacency is add-or-remove-one. Noise is independent over the coordinates of an integer vector, in grid units; a
/// sensitivity is an L2 bound in the same units, that of a `SensitivityCertificate`. Values can be written down freely;
/// an accountant refuses those that no proof covers. Statements and proofs: `docs/proofs/rdp.md`.
package indirect enum PrivacyEvent: Hashable, Sendable, Codable {
    /// Continuous Gaussian noise of standard deviation `noiseMultiplier` times the L2 sensitivity.
    case gaussian(noiseMultiplier: Double)
    /// Discrete Gaussian noise of parameter `sigma` on an integer query.
    case discreteGaussian(sigma: Double, sensitivity: Double)
    /// The sum of `shares` independent discrete Gaussians, each of parameter `sigma` (at least 3), on an integer query.
    case sumOfDiscreteGaussians(shares: Int, sigma: Double, sensitivity: Double)
    /// Every record takes part independently with probability `rate`, then `event`.
    case poissonSampled(rate: Double, event: PrivacyEvent)
    /// Skellam noise of the given variance on an integer query of L1 sensitivity `l1` and L2 sensitivity `l2`. Sums of
    /// independent Skellam noise are Skellam noise of the summed variance.
    case skellam(variance: Double, l1: Double, l2: Double)
    /// Poisson sampling of a data set of `population` records, of which a batch keeps at most `capacity`, chosen
    /// uniformly; then `event`.
    case truncatedPoisson(rate: Double, population: Int, capacity: Int, event: PrivacyEvent)
    /// A client takes part with probability `clientRate`, which may be seen; each of its records then with probability
    /// `exampleRate`; then `event`. Never one sampling at the product of the rates.
    case clientsThenExamples(clientRate: Double, exampleRate: Double, event: PrivacyEvent)
    /// Of `rounds` rounds of `event` a unit takes part in at most `participations`, with at least `minimumSeparation`
    /// rounds from one to the next; in which ones, nobody samples.
    case boundedParticipation(rounds: Int, participations: Int, minimumSeparation: Int, event: PrivacyEvent)
    /// Tree aggregation (Kairouz et al. 2021, arXiv 2103.00039), each node's noise `noiseMultiplier` times the sensitivity:
    /// a unit takes part once in a tree, of which the largest has `leaves` leaves. A unit's absence is its zeroing out.
    case treeAggregation(noiseMultiplier: Double, leaves: Int)
    /// Banded matrix factorisation (Choquette-Choo et al. 2023, arXiv 2306.08153): `iterations` steps with a strategy matrix
    /// of `bands` bands whose columns have norm at most 1; records lie in `bands` groups, and within the group whose turn
    /// it is each takes part with probability `rate`.
    case bandedMatrix(noiseMultiplier: Double, iterations: Int, bands: Int, rate: Double)
    /// All of these, each so many times, chosen adaptively. Empty: nothing was released.
    case composed([Repeated])

    /// An event and how often it happened.
    package struct Repeated: Hashable, Sendable, Codable {
        package let event: PrivacyEvent
        /// Not negative.
        package let count: Int

        package init(_ event: PrivacyEvent, count: Int) {
            self.event = event
            self.count = count
        }
    }

    /// This event, `count` times.
    package func selfComposed(_ count: Int) -> PrivacyEvent {
        count == 1 ? self : .composed([Repeated(self, count: count)])
    }

    /// The smallest sensitivity in grid units on which the event relies; nil where noise is given as a multiplier only.
    package var smallestSensitivity: Double? {
        switch self {
        case .gaussian: nil
        case .discreteGaussian(_, let sensitivity), .sumOfDiscreteGaussians(_, _, let sensitivity): sensitivity
        case .skellam(_, _, let sensitivity): sensitivity
        case .poissonSampled(_, let event), .truncatedPoisson(_, _, _, let event),
            .clientsThenExamples(_, _, let event),
            .boundedParticipation(_, _, _, let event):
            event.smallestSensitivity
        case .treeAggregation, .bandedMatrix: nil
        case .composed(let parts): parts.compactMap(\.event.smallestSensitivity).min()
        }
    }
}

extension PrivacyEvent: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .gaussian(let noiseMultiplier):
            "Gaussian (noise multiplier \(noiseMultiplier))"
        case .discreteGaussian(let sigma, let sensitivity):
            "discrete Gaussian (sigma \(sigma), sensitivity \(sensitivity) grid units)"
        case .sumOfDiscreteGaussians(let shares, let sigma, let sensitivity):
            "sum of \(shares) discrete Gaussians (sigma \(sigma) each, sensitivity \(sensitivity) grid units)"
        case .poissonSampled(let rate, let event):
            "Poisson sampling (rate \(rate)) of \(event)"
        case .skellam(let variance, let l1, let l2):
            "Skellam (variance \(variance), L1 sensitivity \(l1), L2 sensitivity \(l2) grid units)"
        case .truncatedPoisson(let rate, let population, let capacity, let event):
            "Poisson sampling (rate \(rate)) of \(population) records, cut to \(capacity), of \(event)"
        case .clientsThenExamples(let clientRate, let exampleRate, let event):
            "sampling of clients (rate \(clientRate)), then of examples (rate \(exampleRate)), of \(event)"
        case .boundedParticipation(let rounds, let participations, let separation, let event):
            "at most \(participations) of \(rounds) rounds, at least \(separation) apart, of \(event)"
        case .treeAggregation(let noiseMultiplier, let leaves):
            "tree aggregation over \(leaves) steps (noise multiplier \(noiseMultiplier))"
        case .bandedMatrix(let noiseMultiplier, let iterations, let bands, let rate):
            "banded matrix factorisation (\(iterations) iterations, \(bands) bands, rate \(rate) within a group, "
                + "noise multiplier \(noiseMultiplier))"
        case .composed(let parts) where parts.isEmpty:
            "no release"
        case .composed(let parts):
            parts.map { "\($0.count) x \($0.event)" }.joined(separator: " + ")
        }
    }
}
