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
        case .poissonSampled(_, let event): event.smallestSensitivity
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
        case .composed(let parts) where parts.isEmpty:
            "no release"
        case .composed(let parts):
            parts.map { "\($0.count) x \($0.event)" }.joined(separator: " + ")
        }
    }
}
