// SPDX-License-Identifier: Apache-2.0

extension PrivacyEvent {
    /// Discrete noise that an event relies on: so many independent samples of parameter `sigma` a coordinate.
    package struct DiscreteNoise: Hashable, Sendable {
        package let sigma: Double
        package let samples: Int
    }

    /// The discrete noise of the event, by sigma, in the order of first appearance; empty where its noise is not discrete.
    ///
    /// Noise beyond what an event relies on, such as shares of clients that may collude, is no part of the guarantee, so
    /// neither is its distance from the ideal law.
    package var discreteNoise: [DiscreteNoise] {
        switch self {
        case .gaussian, .skellam, .treeAggregation, .bandedMatrix:
            return []
        case .discreteGaussian(let sigma, _):
            return [DiscreteNoise(sigma: sigma, samples: 1)]
        case .sumOfDiscreteGaussians(let shares, let sigma, _):
            return [DiscreteNoise(sigma: sigma, samples: shares)]
        case .poissonSampled(_, let event), .truncatedPoisson(_, _, _, let event),
            .clientsThenExamples(_, _, let event):
            return event.discreteNoise
        case .boundedParticipation(let rounds, _, _, let event):
            // Of the rounds in which the unit takes no part, the noise still has to be the ideal one.
            return PrivacyEvent.composed([Repeated(event, count: max(0, rounds))]).discreteNoise
        case .composed(let parts):
            var order: [Double] = []
            var samples: [Double: Int] = [:]
            for part in parts {
                for noise in part.event.discreteNoise {
                    if samples[noise.sigma] == nil { order.append(noise.sigma) }
                    let (product, overflow) = noise.samples.multipliedReportingOverflow(by: part.count)
                    samples[noise.sigma] = overflow ? Int.max : (samples[noise.sigma] ?? 0).addingSaturated(product)
                }
            }
            return order.map { DiscreteNoise(sigma: $0, samples: samples[$0] ?? 0) }
        }
    }
}

extension PrivacyEvent {
    /// Releases whose examples are drawn by secret coins, as far as an `Int` counts.
    package var sampledReleases: Int {
        switch self {
        case .gaussian, .discreteGaussian, .sumOfDiscreteGaussians, .skellam, .treeAggregation, .bandedMatrix: return 0
        case .poissonSampled, .truncatedPoisson, .clientsThenExamples: return 1
        case .boundedParticipation(let rounds, _, _, let event):
            return PrivacyEvent.composed([Repeated(event, count: max(0, rounds))]).sampledReleases
        case .composed(let parts):
            return parts.reduce(0) { sum, part in
                let (product, overflow) = part.event.sampledReleases.multipliedReportingOverflow(by: part.count)
                return overflow ? Int.max : sum.addingSaturated(product)
            }
        }
    }
}

extension Int {
    /// The sum, or the largest `Int` where it does not fit.
    fileprivate func addingSaturated(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? Int.max : sum
    }
}
