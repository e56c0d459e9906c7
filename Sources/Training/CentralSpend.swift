// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import Noise

/// The noise of a central run and what it spends.
struct CentralSpend {
    let noise: NoisePlan
    let mechanism: DiscreteGaussian
    let event: PrivacyEvent
    let claim: PrivacyClaim
    let renyiClaims: [Conversion: PrivacyClaim]

    /// How a run samples.
    struct Sampling {
        let sampler: PoissonSampler
        let steps: Int
        let delta: Double
        let examples: Int
        /// Nil for the least of those that cover the run.
        let accountant: Accountant?
    }

    /// The noise for a target, rounded up to a whole K; with an epsilon as target, the claim is at most that.
    ///
    /// - Parameter bytes: what the accounting may take; nil for what it needs.
    init(
        _ target: CentralConfiguration.NoiseTarget,
        sampling: Sampling,
        certificate: SensitivityCertificate,
        bytes: Int?
    ) throws(TrainingError) {
        switch target {
        case .multiplier(let multiplier):
            try self.init(multiplier: multiplier, sampling: sampling, certificate: certificate, bytes: bytes)
        case .epsilon(let epsilon):
            var multiplier = try TrainingError.mapping(TrainingError.accounting) { () throws(AccountingError) in
                try Accountant.noiseMultiplier(
                    by: sampling.accountant,
                    forEpsilon: epsilon,
                    delta: sampling.delta,
                    samplingRate: sampling.sampler.rate,
                    steps: sampling.steps,
                    bytes: bytes ?? .max
                )
            }
            // The sampler's item of delta is left out of the calibration; it is worth a last digit of epsilon.
            var spend = try Self(multiplier: multiplier, sampling: sampling, certificate: certificate, bytes: bytes)
            var widening = 1e-6
            while spend.claim.epsilon > epsilon {
                multiplier *= 1 + widening
                widening *= 2
                spend = try Self(multiplier: multiplier, sampling: sampling, certificate: certificate, bytes: bytes)
            }
            self = spend
        }
    }

    private init(
        multiplier: Double,
        sampling: Sampling,
        certificate: SensitivityCertificate,
        bytes: Int?
    ) throws(TrainingError) {
        let noise = try TrainingError.mapping(TrainingError.accounting) { () throws(AccountingError) in
            try NoisePlan.central(noiseMultiplier: multiplier, bound: certificate.bound)
        }
        let mechanism = try TrainingError.mapping(TrainingError.noise) { () throws(NoiseError) in
            try DiscreteGaussian(multiple: noise.multiple)
        }
        let step = sampling.sampler.event(for: noise.event)
        let whole = step.selfComposed(sampling.steps)
        self.noise = noise
        self.mechanism = mechanism
        event = step
        let release = Release(event: whole, mechanism: mechanism, dimension: certificate.dimension)
        var renyiClaims: [Conversion: PrivacyClaim] = [:]
        for conversion in Conversion.allCases {
            renyiClaims[conversion] = try release.claim(sampling) { (event, delta) throws(AccountingError) in
                try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion)
            }
        }
        self.renyiClaims = renyiClaims
        claim = try release.claim(sampling) { (event, delta) throws(AccountingError) in
            guard let accountant = sampling.accountant else {
                return try Accountant.least(of: event, delta: delta, bytes: bytes ?? .max)
            }
            return try accountant.epsilon(of: event, delta: delta)
        }
    }
}

/// All that a run releases.
private struct Release {
    let event: PrivacyEvent
    let mechanism: DiscreteGaussian
    let dimension: Int

    func claim(
        _ sampling: CentralSpend.Sampling,
        account: (PrivacyEvent, Double) throws(AccountingError) -> AccountedEpsilon
    ) throws(TrainingError) -> PrivacyClaim {
        try TrainingError.mapping(TrainingError.accounting) { () throws(AccountingError) in
            let split = try DeltaParts.split(
                sampling.delta,
                sampler: DeltaParts.SamplerDistance(
                    perSampleLog2: mechanism.samplerDistanceLog2,
                    steps: sampling.steps,
                    dimension: dimension
                )
            ) { (delta) throws(AccountingError) in
                try account(event, delta)
            }
            return try PrivacyClaim(
                split.accounted,
                delta: sampling.delta,
                deltaParts: split.parts,
                unit: .example,
                sampling: "Poisson, rate \(sampling.sampler.rate), \(sampling.steps) steps",
                adversary: .outsider,
                noiseSecure: true,
                assumptions: [
                    "the number of training examples, \(sampling.examples), is public",
                    "the test set is public",
                    "the machine that trains is trusted, and nobody measures how long its steps take",
                    "AES-256 in counter mode, keyed by the operating system, cannot be told from random bits",
                ]
            )
        }
    }
}
