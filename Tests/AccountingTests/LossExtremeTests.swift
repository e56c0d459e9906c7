// SPDX-License-Identifier: Apache-2.0

import Accounting
import Testing

/// Events at the edges of what is covered, as a ledger of others may hold them: a right answer or an error.
@Suite struct LossExtremeTests {
    private func gaussian(_ multiplier: Double) -> PrivacyEvent { .gaussian(noiseMultiplier: multiplier) }

    private func cut(_ rate: Double, _ population: Int, _ capacity: Int, _ multiplier: Double) -> PrivacyEvent {
        .truncatedPoisson(rate: rate, population: population, capacity: capacity, event: gaussian(multiplier))
    }

    /// Batches that are nearly always cut (dp-accounting 0.6.0), with masses below what a double holds at the capacity.
    @Test(arguments: [(400_000, 32.20), (480_000, 36.86), (490_000, 37.4421)])
    func batchesCutFarBelowTheirMean(capacity: Int, expected: Double) throws {
        let event = cut(0.5, 1_000_000, capacity, 1).selfComposed(10)
        let value = try PLDAccountant.epsilon(of: event, delta: 1e-5).epsilon
        #expect(abs(value - expected) < 0.02, "\(value)")
    }

    /// One step, exact for the stated pair by 50-digit quadrature: the weight of what is not cut is tiny and matters.
    @Test(arguments: [(0.207, 1e-14, 0.05130), (0.204, 1e-13, 0.03423)])
    func weightsAreRoundedUp(rate: Double, delta: Double, exact: Double) throws {
        let value = try PLDAccountant.epsilon(of: cut(rate, 100, 1, 10), delta: delta).epsilon
        #expect(value >= exact * 0.999, "\(value)")
    }

    /// Where batches are hardly ever cut, it makes hardly a difference.
    @Test(arguments: [(1.0, 1715), (1.0, 1200), (0.3, 1650), (0.5, 1740)])
    func cutsThatHardlyHappen(multiplier: Double, capacity: Int) throws {
        let step = PrivacyEvent.poissonSampled(rate: 0.01, event: gaussian(multiplier))
        let whole = try PLDAccountant.epsilon(of: step.selfComposed(1000), delta: 1e-5).epsilon
        let event = cut(0.01, 60_000, capacity, multiplier).selfComposed(1000)
        let value = try PLDAccountant.epsilon(of: event, delta: 1e-5).epsilon
        #expect(value >= whole - 1e-3 && value <= whole * 1.01, "\(value), \(whole)")
    }

    @Test func largePopulationsAreQuick() throws {
        let value = try PLDAccountant.epsilon(of: cut(0.5, 1 << 32, 1, 100), delta: 1e-5).epsilon
        #expect(value >= 0 && value.isFinite)
        #expect(throws: AccountingError.self) {
            try PLDAccountant.epsilon(of: cut(0.5, 1 << 33, 1, 100), delta: 1e-5)
        }
    }

    /// The slack of absurdly many sums leaves nothing of delta.
    @Test func slackThatEatsDeltaIsRefused() {
        let sum = PrivacyEvent.sumOfDiscreteGaussians(shares: 1 << 20, sigma: 64, sensitivity: 1e6)
        let whole = PrivacyEvent.composed([PrivacyEvent.Repeated](repeating: .init(sum, count: .max), count: 10))
        for delta in [1e-5, 0.4] {
            for accountant in [Accountant.zcdp, .pld] {
                #expect(throws: AccountingError.self) { try accountant.epsilon(of: whole, delta: delta) }
            }
        }
        #expect(Conversion.improved.epsilon(divergence: 1, order: 2, delta: -1) == .infinity)
        #expect(Conversion.improved.epsilon(divergence: 1, order: 2, delta: .nan) == .infinity)
        #expect(Conversion.classic.epsilon(divergence: 1, order: 2, delta: 0) == .infinity)
    }

    @Test func absurdCountsAreRefused() {
        let step = PrivacyEvent.poissonSampled(rate: 0.5, event: gaussian(1))
        let other = PrivacyEvent.poissonSampled(rate: 0.25, event: gaussian(1))
        let absurd: [PrivacyEvent] = [
            .composed([.init(step, count: .max), .init(step, count: 1)]),
            .composed([.init(step, count: .max), .init(other, count: .max)]),
            .boundedParticipation(
                rounds: .max,
                participations: .max,
                minimumSeparation: 1,
                event: .composed([.init(step, count: 1), .init(other, count: 1)])
            ),
            .composed([.init(.composed([.init(step, count: .max)]), count: .max)]),
            .composed((1...600).map { .init(.poissonSampled(rate: 1 / Double($0 + 1), event: gaussian(1)), count: 1) }),
        ]
        for event in absurd {
            #expect(throws: AccountingError.self) { try PLDAccountant.epsilon(of: event, delta: 1e-5) }
        }
    }

    /// An unsampled step with little noise beside sampled ones: the sampled ones can only add to the closed form.
    @Test(arguments: [0.05, 0.1, 0.25])
    func littleNoiseBesideSampledSteps(multiplier: Double) throws {
        let alone = try PLDAccountant.epsilon(of: gaussian(multiplier), delta: 1e-5).epsilon
        let sampled = PrivacyEvent.poissonSampled(rate: 1e-4, event: gaussian(10))
        let both = PrivacyEvent.composed([.init(gaussian(multiplier), count: 1), .init(sampled, count: 10)])
        let value = try PLDAccountant.epsilon(of: both, delta: 1e-5).epsilon
        #expect(value >= alone && value <= alone * 1.001, "\(value), \(alone)")
        let client = PrivacyEvent.clientsThenExamples(clientRate: 0.5, exampleRate: 1, event: gaussian(0.1))
        #expect(try PLDAccountant.epsilon(of: client, delta: 1e-5).epsilon < alone * 10)
    }

    /// Rates next to 1, where the loss has a least value far below 0 and edges there are placed badly: it is told, and
    /// what is added for it is 8 units of 2^-53 over 1 - q a step.
    @Test(arguments: [1 - 1e-6, 1 - 1e-9, 1 - 1e-12])
    func ratesNextToOne(rate: Double) throws {
        let exact = try PLDAccountant.epsilon(of: gaussian(1).selfComposed(10), delta: 1e-6).epsilon
        let event = PrivacyEvent.poissonSampled(rate: rate, event: gaussian(1)).selfComposed(10)
        let value = try PLDAccountant.epsilon(of: event, delta: 1e-6).epsilon
        #expect(value >= exact * (1 - 1e-5) && value <= exact * 1.001 + 0.01, "\(value), \(exact)")
    }

    @Test func stepsAreCountedUpToTheLimit() throws {
        let step = PrivacyEvent.poissonSampled(rate: 0.0022, event: gaussian(5))
        let steps = try Accountant.pld.maximumSteps(of: step, epsilon: 6.3, delta: 1e-5)
        #expect(steps > 9_000_000 && steps < 10_000_000)
        #expect(throws: AccountingError.self) { try Accountant.pld.maximumSteps(of: step, epsilon: 60, delta: 1e-5) }
    }

    /// A mixture whose rate and divergence are both extreme stays a bound, and monotone.
    @Test func rareClientsWithLittleNoise() throws {
        let inner = PrivacyEvent.gaussian(noiseMultiplier: 0.02)
        var last = 0.0
        for rate in [Double.leastNonzeroMagnitude, 1e-250, 1e-100, 1e-10, 1] {
            let event = PrivacyEvent.clientsThenExamples(clientRate: rate, exampleRate: 1, event: inner)
            let divergence = try RenyiCurve(event).divergences[0]
            #expect(divergence >= last && divergence.isFinite)
            last = divergence
        }
    }
}
