// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import Noise
import Randomness
import Rounds
import Testing

@Suite("What a plan spends and claims")
struct PlanPrivacyTests {
    static let sigma = 64.0 * 900
    static let bound = 65_000.0

    @Test("Each adversary faces the noise that it neither holds nor opens")
    func shares() throws {
        let plan = try PlanDraft().plan()
        #expect(plan.adversaries == [.outsider, .client, .colluders(2), .server])
        #expect(plan.adversaries.map(plan.honestShares) == [8, 7, 6, 1])
        for (adversary, shares) in zip(plan.adversaries, [8.0, 7, 6, 1]) {
            let expected = (shares * Self.sigma * Self.sigma).squareRoot() / Self.bound
            #expect(abs(plan.noiseMultiplier(against: adversary) / expected - 1) < 1e-14)
        }
    }

    @Test("The event is the sampled sum of the honest shares; one share is no sum; a rate of 1 is no sampling")
    func events() throws {
        func sum(_ shares: Int) -> PrivacyEvent {
            .sumOfDiscreteGaussians(shares: shares, sigma: Self.sigma, sensitivity: Self.bound)
        }
        let single = PrivacyEvent.discreteGaussian(sigma: Self.sigma, sensitivity: Self.bound)
        let sampled = try PlanDraft().plan()
        #expect(
            sampled.events == [
                .outsider: .poissonSampled(rate: 0.05, event: sum(8)),
                .client: .poissonSampled(rate: 0.05, event: sum(7)),
                .colluders(2): .poissonSampled(rate: 0.05, event: sum(6)),
                .server: .poissonSampled(rate: 0.05, event: single),
            ]
        )
        let whole = try PlanDraft().with {
            $0.samplingRate = 1
            $0.fewestSurvivors = 2
            $0.colluders = 1
        }
        .plan()
        #expect(whole.events == [.outsider: sum(2), .client: single, .colluders(1): single, .server: single])
    }

    @Test("A claim is the accountant's epsilon of the written-out event at its share of delta", arguments: [1, 2, 40])
    func claims(rounds: Int) throws {
        let plan = try PlanDraft().plan()
        let claims = try plan.claims(rounds: rounds)
        #expect(claims.map(\.adversary) == plan.adversaries)
        for (claim, shares) in zip(claims, [8, 7, 6, 1]) {
            let noise: PrivacyEvent =
                shares == 1
                ? .discreteGaussian(sigma: Self.sigma, sensitivity: Self.bound)
                : .sumOfDiscreteGaussians(shares: shares, sigma: Self.sigma, sensitivity: Self.bound)
            let expected = try RDPAccountant.epsilon(
                of: .composed([.init(.poissonSampled(rate: 0.05, event: noise), count: rounds)]),
                delta: 1e-6 * 1023 / 1024
            )
            #expect(claim.epsilon == expected.epsilon)
            #expect(claim.order == expected.order)
            #expect(claim.delta == 1e-6)
            #expect(claim.deltaParts.total <= 1e-6)
            #expect(claim.deltaParts.sampler > 0)
            #expect(claim.noiseSecure)
            #expect(claim.sampling.contains("0.05") && claim.sampling.contains("\(rounds) rounds"))
            #expect(
                claim.assumptions.contains {
                    $0.contains(shares == 1 ? "the server sees" : "at least \(shares) of their clients")
                }
            )
        }
        // An adversary who holds more learns more.
        #expect(claims.map(\.epsilon) == claims.map(\.epsilon).sorted())
        #expect(Set(claims.map(\.epsilon)).count == 4)
    }

    @Test("The sampler's item is (1 + e^epsilon) times the distance of every coordinate, round and share relied on")
    func samplerItem() throws {
        let plan = try PlanDraft().plan()
        let perSample = try DiscreteGaussian(multiple: 900).samplerDistanceLog2
        for (adversary, shares) in zip(plan.adversaries, [8, 7, 6, 1]) {
            let claim = try #require(try plan.claim(against: adversary, rounds: 40))
            let expected = (1 + exp(claim.epsilon)) * exp2(perSample) * Double(40 * 650 * shares)
            #expect(claim.deltaParts.sampler >= expected)
            #expect(claim.deltaParts.sampler <= expected * (1 + 1e-12))
        }
    }

    /// Mironov 2017, Proposition 7, and the conversion of Canonne, Kamath and Steinke 2020, Proposition 12.
    @Test("Without sampling the claim is the Gaussian mechanism's closed form", arguments: [1, 25])
    func closedForm(rounds: Int) throws {
        let plan = try PlanDraft().with { $0.samplingRate = 1 }.plan()
        for (adversary, shares) in zip(plan.adversaries, [8.0, 7, 6, 1]) {
            let claim = try #require(try plan.claim(against: adversary, rounds: rounds))
            let delta = 1e-6 * 1023 / 1024
            let divergence = Double(rounds) * Self.bound * Self.bound / (2 * shares * Self.sigma * Self.sigma)
            let expected = RDPAccountant.orders.map { order in
                let order = Double(order)
                return order * divergence + log1p(-1 / order) - log(delta * order) / (order - 1)
            }
            .min()
            #expect(abs(claim.epsilon / (expected ?? .nan) - 1) < 1e-9, "\(adversary)")
        }
    }

    @Test("Where the sampler alone may take more than its part of delta, nothing is claimed")
    func tinyDelta() throws {
        let plan = try PlanDraft().with { $0.delta = 1e-300 }.plan()
        #expect(try plan.claims(rounds: 40).isEmpty)
        for adversary in plan.adversaries { #expect(try plan.claim(against: adversary, rounds: 40) == nil) }
    }

    @Test("The items of delta add up to at most delta, and the sampler's covers every sample of a composition")
    func deltaShares() throws {
        var stream = InsecureTestStream(seed: 5)
        var (kept, refused) = (0, 0)
        for _ in 0..<2000 {
            let delta = stream.unitDouble() * exp2(-Double(stream.uniform(below: 200)))
            guard delta > 0 else { continue }
            let epsilon = 60 * stream.unitDouble()
            let (sums, singles) = (Int(stream.uniform(below: 1000)), Int(stream.uniform(below: 1000)))
            let shares = 2 + Int(stream.uniform(below: 100))
            let dimension = 1 + Int(stream.uniform(below: 1 << 20))
            let event = PrivacyEvent.composed([
                .init(.sumOfDiscreteGaussians(shares: shares, sigma: 64 * 900, sensitivity: 1), count: sums),
                .init(
                    .poissonSampled(rate: 0.1, event: .discreteGaussian(sigma: 64 * 50, sensitivity: 1)),
                    count: singles
                ),
            ])
            let distance =
                try exp2(DiscreteGaussian(multiple: 900).samplerDistanceLog2) * Double(sums * shares)
                + exp2(DiscreteGaussian(multiple: 50).samplerDistanceLog2) * Double(singles)
            let needed = (1 + exp(epsilon)) * distance * Double(dimension)
            if let parts = try DeltaShares.parts(of: delta, epsilon: epsilon, event: event, dimension: dimension) {
                #expect(parts.total <= delta)
                #expect(parts.accountant == DeltaShares.accountant(of: delta))
                #expect(parts.sampler >= needed * (1 - 1e-14) && parts.sampler <= needed * (1 + 1e-12))
                kept += 1
            } else {
                #expect(needed * (1 + 1e-12) > delta / 2048 || Double(singles) * 0x1p-64 > delta / 4096)
                refused += 1
            }
        }
        #expect(kept > 100 && refused > 100)
    }

    @Test("Noise whose sampler is not known has no item, but a typed error")
    func unknownSampler() {
        let event = PrivacyEvent.discreteGaussian(sigma: 65, sensitivity: 1)
        #expect(throws: AccountingError.self) {
            try DeltaShares.parts(of: 1e-6, epsilon: 1, event: event, dimension: 1)
        }
    }
}
