// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import Testing

@Suite struct ClaimTests {
    private let event = PrivacyEvent.poissonSampled(
        rate: 0.01,
        event: .discreteGaussian(sigma: 6400, sensitivity: 6400)
    )
    .selfComposed(1000)

    @Test(arguments: [
        (Adversary.outsider, "outsider"), (.client, "client"), (.colluders(1), "1 colluding client"),
        (.colluders(2), "2 colluding clients"), (.server, "server"),
    ])
    func adversariesHaveOneTextForm(adversary: Adversary, text: String) {
        #expect(adversary.description == text)
        #expect(Adversary(text) == adversary)
    }

    @Test(arguments: [
        "", "Server", "0 colluding clients", "-1 colluding clients", "1 colluding clients", "2 colluding client",
        "02 colluding clients", "+2 colluding clients", " client", "2  colluding clients",
    ])
    func otherTextsAreNoAdversary(text: String) {
        #expect(Adversary(text) == nil)
    }

    @Test func itemsOfDeltaAddUpToAtMostTheDeltaAskedFor() throws {
        for delta in [1e-5, 1e-6, 1e-9, 0.1] {
            for (log2, dimension, rounding) in [(-102.0, 86_000_000, 0.0), (-75, 26_010, 1e-12), (-117, 650, 1e-10)] {
                let sampler = try DeltaParts.SamplerDistance(
                    perSampleLog2: log2,
                    steps: 1000,
                    dimension: dimension,
                    shares: 20
                )
                let (parts, accounted) = try DeltaParts.split(delta, sampler: sampler, rounding: rounding) {
                    rest throws(AccountingError) in
                    try RDPAccountant.epsilon(of: event, delta: rest)
                }
                #expect(parts.total <= delta)
                #expect(parts.accountant > delta * 0.5 && accounted.delta == parts.accountant)
                let need = (1 + exp(accounted.epsilon)) * exp2(log2) * 1000 * Double(dimension) * 20
                #expect(parts.sampler >= need && parts.sampler < 4 * need)
                #expect(parts.rounding == rounding)
                #expect(try accounted.epsilon >= RDPAccountant.epsilon(of: event, delta: delta).epsilon)
            }
        }
        let whole = try DeltaParts.split(1e-5) { rest throws(AccountingError) in
            try RDPAccountant.epsilon(of: event, delta: rest)
        }
        #expect(whole.parts == DeltaParts(accountant: 1e-5))
    }

    @Test func aPoorSamplerLeavesNoDelta() throws {
        // A 53-bit sampler over many samples.
        let sampler = try DeltaParts.SamplerDistance(perSampleLog2: -53, steps: 1000, dimension: 86_000_000)
        #expect(throws: AccountingError.self) {
            try DeltaParts.split(1e-6, sampler: sampler) { rest throws(AccountingError) in
                try RDPAccountant.epsilon(of: event, delta: rest)
            }
        }
        #expect(throws: AccountingError.self) {
            try DeltaParts.SamplerDistance(perSampleLog2: 1, steps: 1, dimension: 1)
        }
    }

    @Test func aClaimSaysAgainstWhomItHolds() throws {
        let accounted = try RDPAccountant.epsilon(of: event, delta: 1e-5)
        let claim = try PrivacyClaim(
            accounted,
            delta: 1e-5,
            deltaParts: DeltaParts(accountant: 1e-5),
            unit: .example,
            sampling: "Poisson, rate 0.01, 1000 steps",
            adversary: .colluders(2),
            noiseSecure: false,
            assumptions: ["the noise was drawn as stated"]
        )
        #expect(claim.description.contains("against 2 colluding clients"))
        #expect(claim.description.contains("NOISE NOT SECURE"))
        #expect(claim.description.contains("add-or-remove-one"))
        #expect(claim.description.contains("delta 1e-05"))
        #expect(claim.rows.contains { $0.label == "holds against" && $0.value.hasPrefix("2 colluding") })
        #expect(claim.rows.contains { $0.label == "assumes" })
        #expect(throws: AccountingError.self) {
            try PrivacyClaim(
                accounted,
                delta: 1e-6,
                deltaParts: DeltaParts(accountant: 1e-5),
                unit: .example,
                sampling: "",
                adversary: .server,
                noiseSecure: true
            )
        }
    }

    @Test func printedNumbersAreRoundedUp() {
        for (value, expected) in [(2.57811, 2.5782), (2.5, 2.5), (0.1, 0.1), (0, 0), (1e-9, 1e-4), (1e20, 1e20)] {
            #expect(value.roundedUp(decimals: 4) == expected)
        }
        #expect(2.579.nextUp.roundedUp(decimals: 3) == 2.58)
    }
}
