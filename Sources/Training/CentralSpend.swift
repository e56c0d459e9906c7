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
    let classicClaim: PrivacyClaim

    /// How a run samples.
    struct Sampling {
        let sampler: PoissonSampler
        let steps: Int
        let delta: Double
        let examples: Int
    }

    /// The noise for a target, rounded up to a whole K; with an epsilon as target, the claim is at most that.
    init(
        _ target: CentralConfiguration.NoiseTarget,
        sampling: Sampling,
        certificate: SensitivityCertificate
    ) throws(TrainingError) {
        switch target {
        case .multiplier(let multiplier):
            try self.init(multiplier: multiplier, sampling: sampling, certificate: certificate)
        case .epsilon(let epsilon):
            var multiplier = try TrainingError.mapping(TrainingError.accounting) { () throws(AccountingError) in
                try RDPAccountant.noiseMultiplier(
                    forEpsilon: epsilon,
                    delta: sampling.delta,
                    samplingRate: sampling.sampler.rate,
                    steps: sampling.steps
                )
            }
            // The sampler's item of delta is left out of the calibration; it is worth a last digit of epsilon.
            var spend = try Self(multiplier: multiplier, sampling: sampling, certificate: certificate)
            while spend.claim.epsilon > epsilon {
                multiplier *= 1 + 1e-6
                spend = try Self(multiplier: multiplier, sampling: sampling, certificate: certificate)
            }
            self = spend
        }
    }

    private init(
        multiplier: Double,
        sampling: Sampling,
        certificate: SensitivityCertificate
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
        claim = try Self.claim(whole, sampling, mechanism, certificate.dimension, .improved)
        classicClaim = try Self.claim(whole, sampling, mechanism, certificate.dimension, .classic)
    }

    private static func claim(
        _ event: PrivacyEvent,
        _ sampling: Sampling,
        _ mechanism: DiscreteGaussian,
        _ dimension: Int,
        _ conversion: Conversion
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
                try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion)
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
