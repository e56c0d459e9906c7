// SPDX-License-Identifier: Apache-2.0

import Accounting
import TestKit
import Testing

/// Events beside the sampled Gaussian, against the published formulas and dp-accounting.
@Suite struct EventAccountingTests {
    private struct Shares: Decodable {
        let clients: Int
        let local_sigma_grid: Double
        let q: Double
        let steps: Int
        let delta: String
        let rounded_l2_grid: String
        let l1_grid: String
        let rdp_skellam_alpha2: String
        let rdp_skellam_alpha32: String
        let eps_ddg: String?
        let eps_skellam: String?
        let order_skellam: Int?
        let eps_skellam_zw_thm5_factor3: String?
        let order_skellam_False: Int?
        let eps_transfer_pld: Double?
        let eps_transfer_rdp: Double?
    }

    private func number(_ text: String) throws -> Double { try #require(Double(text)) }

    private func divergence(_ event: PrivacyEvent, order: Int) throws -> Double {
        let place = try #require(RDPAccountant.orders.firstIndex(of: order))
        return try RenyiCurve(event).divergences[place]
    }

    @Test func sumsOfDiscreteGaussiansAgree() throws {
        for row in try fixture("accounting/ddg_skellam.json", as: [Shares].self) {
            let event = PrivacyEvent.poissonSampled(
                rate: row.q,
                event: .sumOfDiscreteGaussians(
                    shares: row.clients,
                    sigma: row.local_sigma_grid,
                    sensitivity: try number(row.rounded_l2_grid)
                )
            )
            .selfComposed(row.steps)
            let delta = try number(row.delta)
            guard row.local_sigma_grid >= 3 else {
                #expect(throws: AccountingError.self) { try Accountant.least(of: event, delta: delta) }
                continue
            }
            let renyi = try RDPAccountant.epsilon(of: event, delta: delta).epsilon
            // Kairouz, Liu and Steinke's formula, whose tau vanishes at these sigmas.
            if let text = row.eps_ddg {
                let exact = try number(text)
                #expect(abs(renyi / exact - 1) < 1e-9)
            }
            if let transfer = row.eps_transfer_rdp { #expect(renyi <= transfer * (1 + 1e-9)) }
            guard let expected = row.eps_transfer_pld, expected < 1000 else { continue }
            let loss = try PLDAccountant.epsilon(of: event, delta: delta)
            #expect(abs(loss.epsilon - expected) < 1e-3 * max(1, expected), "\(row) \(loss)")
            // e^S - 1 of delta: the slack of 2.4e-26 a share and step (docs/proofs/rdp.md, 1.4).
            let slack = 2.4e-26 * Double(row.clients * row.steps)
            #expect(abs(loss.transfer / (slack * delta) - 1) < 1e-9)
        }
    }

    @Test func skellamAgrees() throws {
        for row in try fixture("accounting/ddg_skellam.json", as: [Shares].self) {
            let variance = Double(row.clients) * row.local_sigma_grid * row.local_sigma_grid
            let step = PrivacyEvent.skellam(
                variance: variance,
                l1: try number(row.l1_grid),
                l2: try number(row.rounded_l2_grid)
            )
            for (order, text) in [(2, row.rdp_skellam_alpha2), (32, row.rdp_skellam_alpha32)] {
                let (value, exact) = try (divergence(step, order: order), number(text))
                #expect(abs(value / exact - 1) < 1e-9)
            }
            let delta = try number(row.delta)
            if let text = row.eps_skellam {
                let exact = try number(text)
                let value = try RDPAccountant.epsilon(of: step.selfComposed(row.steps), delta: delta)
                #expect(abs(value.epsilon / exact - 1) < 1e-9)
            }
            if let text = row.eps_skellam_zw_thm5_factor3, let order = row.order_skellam_False {
                let exact = try number(text)
                let sampled = PrivacyEvent.poissonSampled(rate: row.q, event: step).selfComposed(row.steps)
                let atOrder = Conversion.improved.epsilon(
                    divergence: try divergence(sampled, order: order),
                    order: Double(order),
                    delta: delta
                )
                #expect(abs(atOrder / exact - 1) < 1e-9)
                // The fixture takes fewer orders.
                let value = try RDPAccountant.epsilon(of: sampled, delta: delta).epsilon
                #expect(value <= exact * (1 + 1e-9) && value > 0.9 * exact)
            }
        }
    }

    private struct Truncated: Decodable {
        let n: Int
        let q: Double
        let max_batch: Int
        let sigma: Double
        let steps: Int
        let delta: Double
        let eps_truncated: Double
        let eps_poisson: Double
    }

    @Test func cutBatchesAgree() throws {
        for row in try fixture("accounting/truncated_poisson.json", as: [Truncated].self) {
            let gaussian = PrivacyEvent.gaussian(noiseMultiplier: row.sigma)
            func epsilon(capacity: Int) throws -> Double {
                let step = PrivacyEvent.truncatedPoisson(
                    rate: row.q,
                    population: row.n,
                    capacity: capacity,
                    event: gaussian
                )
                return try PLDAccountant.epsilon(of: step.selfComposed(row.steps), delta: row.delta).epsilon
            }
            #expect(abs(try epsilon(capacity: row.max_batch) - row.eps_truncated) < 1e-3, "\(row)")
            // With room for everybody nothing is cut.
            let whole = PrivacyEvent.poissonSampled(rate: row.q, event: gaussian).selfComposed(row.steps)
            #expect(try epsilon(capacity: row.n) == PLDAccountant.epsilon(of: whole, delta: row.delta).epsilon)
            let event = PrivacyEvent.truncatedPoisson(rate: 0.1, population: 100, capacity: 20, event: gaussian)
            #expect(throws: AccountingError.self) { try RDPAccountant.epsilon(of: event, delta: 1e-5) }
        }
    }

    private struct TwoLevels: Decodable {
        let q_client: Double
        let q_record: Double
        let noise_multiplier_vs_record_shift: Double
        let steps: Int
        let delta: Double
        let eps_valid_mixture: Double
        let eps_invalid_product_rate: Double
    }

    @Test func clientsThenExamplesAgree() throws {
        for row in try fixture("accounting/two_level_sampling.json", as: [TwoLevels].self) {
            let gaussian = PrivacyEvent.gaussian(noiseMultiplier: row.noise_multiplier_vs_record_shift)
            let event = PrivacyEvent.clientsThenExamples(
                clientRate: row.q_client,
                exampleRate: row.q_record,
                event: gaussian
            )
            .selfComposed(row.steps)
            let value = try PLDAccountant.epsilon(of: event, delta: row.delta).epsilon
            #expect(abs(value - row.eps_valid_mixture) < 1e-3 * max(1, value), "\(row) \(value)")
            // The product of the rates is no bound, and is not what is claimed.
            #expect(value > row.eps_invalid_product_rate * 1.3)
            let renyi = try RDPAccountant.epsilon(of: event, delta: row.delta).epsilon
            #expect(renyi > value && renyi < 2 * value)
        }
    }

    private struct Tree: Decodable {
        let step_counts: [Int]
        let noise_multiplier: Double
        let eps_1e6: Double
        let depth: Double
    }

    @Test func treesAgree() throws {
        for row in try fixture("accounting/tree_aggregation.json", as: [Tree].self) {
            let leaves = try #require(row.step_counts.max())
            let event = PrivacyEvent.treeAggregation(noiseMultiplier: row.noise_multiplier, leaves: leaves)
            let renyi = try RDPAccountant.epsilon(of: event, delta: 1e-6).epsilon
            // The fixture has orders between the integers too.
            #expect(renyi >= row.eps_1e6 * (1 - 1e-9) && renyi <= row.eps_1e6 * 1.002, "\(row) \(renyi)")
            let gaussian = PrivacyEvent.gaussian(noiseMultiplier: row.noise_multiplier / row.depth.squareRoot())
            let exact = try PLDAccountant.epsilon(of: gaussian, delta: 1e-6).epsilon
            let value = try PLDAccountant.epsilon(of: event, delta: 1e-6).epsilon
            #expect(abs(value / exact - 1) < 1e-12 && value < renyi)
        }
    }

    private struct Banded: Decodable {
        let iterations: Int
        let bands: Int
        let sampling_prob: Double
        let noise_multiplier: Double
        let eps_pld_1e6: Double
    }

    @Test func bandedMatricesAgree() throws {
        for row in try fixture("accounting/banded_matrix.json", as: [Banded].self) {
            let event = PrivacyEvent.bandedMatrix(
                noiseMultiplier: row.noise_multiplier,
                iterations: row.iterations,
                bands: row.bands,
                rate: row.sampling_prob
            )
            let value = try PLDAccountant.epsilon(of: event, delta: 1e-6).epsilon
            #expect(abs(value - row.eps_pld_1e6) < 1e-3, "\(row) \(value)")
        }
    }

    @Test func participationsAreCounted() throws {
        let step = PrivacyEvent.gaussian(noiseMultiplier: 4)
        func bounded(_ rounds: Int, _ participations: Int, _ separation: Int) throws -> Double {
            let event = PrivacyEvent.boundedParticipation(
                rounds: rounds,
                participations: participations,
                minimumSeparation: separation,
                event: step
            )
            return try PLDAccountant.epsilon(of: event, delta: 1e-6).epsilon
        }
        func whole(_ count: Int) throws -> Double {
            try PLDAccountant.epsilon(of: step.selfComposed(count), delta: 1e-6).epsilon
        }
        #expect(try bounded(100, 5, 1) == whole(5))
        // Ten apart in 95 rounds leaves room for 10 rounds: 0, 10, ... 90.
        #expect(try bounded(95, 50, 10) == whole(10))
        #expect(try bounded(3, 50, 1) == whole(3))
        #expect(try bounded(0, 50, 1) == 0)
        #expect(throws: AccountingError.self) { try bounded(10, -1, 1) }
        #expect(throws: AccountingError.self) { try bounded(10, 1, 0) }
    }

    private struct Scalar: Decodable {
        let sigma: String
        let sensitivity: Int
        let eps: String
        let delta_discrete: String
        let delta_continuous_sigma2_minus_9: String?
    }

    @Test func scalarDeltasAgree() throws {
        for row in try fixture("accounting/scalar_delta.json", as: [Scalar].self) {
            let (sigma, epsilon) = try (number(row.sigma), number(row.eps))
            let exact = try number(row.delta_discrete)
            let value = try OneStepDelta.discreteGaussian(
                sigma: sigma,
                sensitivity: row.sensitivity,
                epsilon: epsilon
            )
            #expect(abs(value - exact) < 1e-12, "\(row) \(value)")
            // The transfer theorem's bound is above it, and is what is accounted.
            guard let transferred = row.delta_continuous_sigma2_minus_9 else { continue }
            let event = PrivacyEvent.discreteGaussian(sigma: sigma, sensitivity: Double(row.sensitivity))
            let accounted = try PLDAccountant.delta(of: event, epsilon: epsilon)
            #expect(accounted >= exact * (1 - 1e-12))
            let bound = try number(transferred)
            #expect(abs(accounted - bound) < 1e-12, "\(row) \(accounted)")
        }
    }

    private struct Fractional: Decodable {
        let q: String
        let sigma: String
        let alpha: String
        let rdp_quadrature: String
    }

    /// Between integer orders the chord is above the exact value, and not by more than convexity explains.
    @Test func realOrdersAreBounded() throws {
        for row in try fixture("accounting/rdp_fractional.json", as: [Fractional].self) {
            let step = PrivacyEvent.gaussian(noiseMultiplier: try number(row.sigma))
            let curve = try RenyiCurve(.poissonSampled(rate: try number(row.q), event: step))
            let (order, exact) = try (number(row.alpha), number(row.rdp_quadrature))
            let value = curve.divergence(atOrder: order)
            #expect(value >= exact * (1 - 1e-12), "\(row) \(value)")
            #expect(value <= curve.divergence(atOrder: order.rounded(.up)) * (1 + 1e-12))
        }
        let curve = try RenyiCurve(.gaussian(noiseMultiplier: 2))
        for (place, order) in RDPAccountant.orders.enumerated() {
            #expect(curve.divergence(atOrder: Double(order)) == curve.divergences[place])
        }
        for order in [1, 0.5, 1025, .nan, -.infinity] { #expect(curve.divergence(atOrder: order) == .infinity) }
    }

    private struct ScalarLoss: Decodable {
        let sigma: Double
        let sensitivity: Int
        let q: Double
        let steps: Int
        let delta: Double
        let eps_discrete_1d: Double
        let eps_continuous_sigma2_minus_s2_s3: Double
    }

    /// The transfer theorem's loss distribution lies above that of the scalar discrete Gaussian.
    @Test func discreteGaussiansAreBoundedByTheTransfer() throws {
        for row in try fixture("accounting/discrete_pld_1d.json", as: [ScalarLoss].self) {
            let step = PrivacyEvent.discreteGaussian(sigma: row.sigma, sensitivity: Double(row.sensitivity))
            let event = PrivacyEvent.poissonSampled(rate: row.q, event: step).selfComposed(row.steps)
            let value = try PLDAccountant.epsilon(of: event, delta: row.delta).epsilon
            #expect(value > row.eps_discrete_1d, "\(row) \(value)")
            let transferred = row.eps_continuous_sigma2_minus_s2_s3
            #expect(abs(value - transferred) < 1e-3 * max(1, transferred), "\(row) \(value)")
        }
    }

    private struct Zero: Decodable {
        let noise_multiplier: String
        let steps: Int
        let delta: String
        let eps_cks_prop12: String
        let eps_bun_steinke: String
    }

    @Test func zeroConcentrationAgrees() throws {
        for row in try fixture("accounting/zcdp.json", as: [Zero].self) {
            let event = PrivacyEvent.gaussian(noiseMultiplier: try number(row.noise_multiplier)).selfComposed(row.steps)
            let delta = try number(row.delta)
            for (conversion, text) in [(Conversion.improved, row.eps_cks_prop12), (.classic, row.eps_bun_steinke)] {
                let exact = try number(text)
                let value = try ZCDPAccountant.epsilon(of: event, delta: delta, conversion: conversion).epsilon
                #expect(value >= exact * (1 - 1e-12) && value <= exact * (1 + 1e-10), "\(row) \(value)")
            }
            // Sampling amplifies nothing there.
            let sampled = PrivacyEvent.composed([
                PrivacyEvent.Repeated(.poissonSampled(rate: 0.1, event: .gaussian(noiseMultiplier: 2)), count: 3)
            ])
            let unsampled = PrivacyEvent.gaussian(noiseMultiplier: 2).selfComposed(3)
            #expect(try ZCDPAccountant.rho(of: sampled) == ZCDPAccountant.rho(of: unsampled))
        }
    }

    @Test func everyEventHasOneEncoding() throws {
        let gaussian = PrivacyEvent.gaussian(noiseMultiplier: 1.5)
        let events: [PrivacyEvent] = [
            .skellam(variance: 3, l1: 2, l2: 1.5),
            .truncatedPoisson(rate: 0.1, population: 9, capacity: 4, event: gaussian),
            .clientsThenExamples(clientRate: 0.2, exampleRate: 0.3, event: gaussian),
            .boundedParticipation(rounds: 9, participations: 2, minimumSeparation: 3, event: gaussian),
            .treeAggregation(noiseMultiplier: 2, leaves: 77),
            .bandedMatrix(noiseMultiplier: 2, iterations: 100, bands: 4, rate: 0.25),
        ]
        for event in events {
            #expect(try PrivacyEvent(canonicalEncoding: event.canonicalEncoding) == event)
            for cut in 0..<event.canonicalEncoding.count {
                let short = Array(event.canonicalEncoding.prefix(cut))
                #expect(throws: AccountingError.self) { try PrivacyEvent(canonicalEncoding: short) }
            }
        }
        #expect(Set(events.map(\.canonicalEncoding)).count == events.count)
    }
}
