// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import Kernels
import Networks
import Noise
import Testing
import Training

@Suite struct CentralTrainerTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private func configuration(
        noise: CentralConfiguration.NoiseTarget = .epsilon(8),
        workers: Int = 2,
        memoryLimit: Int? = nil
    ) -> CentralConfiguration {
        CentralConfiguration(
            network: bench.network,
            clip: 1,
            noise: noise,
            batch: 431.4,
            epochs: 18,
            learningRate: 1,
            momentum: 0.9,
            delta: 1e-5,
            workers: workers,
            memoryLimit: memoryLimit
        )
    }

    private func plan(_ configuration: CentralConfiguration) throws -> CentralPlan {
        try CentralPlan(configuration, examples: bench.train.count)
    }

    /// Over 12 seeds the accuracy had mean 0.946 and standard deviation 0.005: 0.85 is 19 of them below.
    @Test func learnsDigitsWithinItsBudget() throws {
        let plan = try plan(configuration())
        var told: [Int] = []
        let outcome = try CentralTrainer(plan).run(train: bench.train, test: bench.test) { told.append($0) }
        #expect(outcome.evaluation.accuracy >= 0.85)
        #expect(outcome.evaluation.examples == 359)
        #expect(told == Array(1...60))
        #expect(outcome.events == [PrivacyEvent.Repeated(plan.event, count: 60)])
        #expect(plan.claim.epsilon <= 8)
    }

    @Test func planIsWhatTheAccountantSays() throws {
        let plan = try plan(configuration(noise: .multiplier(1.75)))
        #expect(plan.steps == 60)
        #expect(abs(plan.sampler.rate - 0.3) < 1e-15)
        #expect(abs(plan.normaliser - 431.4) < 1e-9)
        // K is whole: the multiplier really used is at least the one asked for, and less than one K above.
        #expect(plan.noise.noiseMultiplier >= 1.75 * (1 - 1e-14))
        #expect(plan.noise.sigma - 64 < 1.75 * Double(plan.certificate.bound))
        #expect(plan.mechanism.standardDeviation == plan.noise.sigma)
        #expect(plan.claim.deltaParts.total <= 1e-5)
        #expect(plan.claim.deltaParts.sampler > 0)
        #expect(plan.claim.unit == .example)
        #expect(plan.claim.noiseSecure)
        let whole = plan.event.selfComposed(60)
        #expect(plan.claim.accountant == .pld)
        #expect(abs(try PLDAccountant.epsilon(of: whole, delta: 1e-5).epsilon - plan.claim.epsilon) < 1e-6)
        for (conversion, claim) in plan.renyiClaims {
            #expect(claim.epsilon > plan.claim.epsilon)
            let alone = try RDPAccountant.epsilon(of: whole, delta: 1e-5, conversion: conversion)
            #expect(abs(alone.epsilon - claim.epsilon) < 1e-9)
        }
    }

    /// Sixteen standard deviations of noise on the largest draw, all of it in one coordinate, do not wrap around.
    @Test(arguments: [1, 4, 100, 3000, 5000, 1e5])
    func sumsHoldTheirNoise(multiplier: Double) throws {
        let plan = try plan(configuration(noise: .multiplier(multiplier)))
        let examples = Double(plan.memory.largestDraw) * Double(plan.certificate.bound)
        let limit = Double(plan.memory.clipping.width.limit)
        #expect(examples + 16 * plan.noise.sigma <= limit, "\(plan.memory.clipping.width)")
    }

    @Test func deltaIsBelowOneExamplesShare() throws {
        let share = 1 / Double(bench.train.count)
        for (delta, isAllowed) in [(share, false), (0.1, false), (share.nextDown, true), (share / 2, true)] {
            var request = configuration(noise: .multiplier(2))
            request.delta = delta
            if isAllowed {
                #expect(try plan(request).claim.delta == delta)
            } else {
                #expect(throws: TrainingError.self) { try plan(request) }
            }
        }
    }

    @Test(arguments: [0.1, 1, 3, 8, 20])
    func epsilonIsNeverAboveItsTarget(_ target: Double) throws {
        let plan = try plan(configuration(noise: .epsilon(target)))
        #expect(plan.claim.epsilon <= target)
        #expect(plan.claim.epsilon > 0.98 * target)
    }

    @Test func memoryLimitTakesWorkersAndThenRefuses() throws {
        let free = try plan(configuration(workers: 4)).memory
        #expect(free.workers == 4)
        #expect(free.physicalBatch == 4 * free.clipping.capacity)
        let smallest = free.smallestLimitBytes
        let limited = try plan(configuration(workers: 4, memoryLimit: smallest)).memory
        #expect(limited.workers == 1)
        #expect(limited.totalBytes == smallest)
        #expect(throws: TrainingError.memoryLimit(limit: smallest - 1, smallest: smallest)) {
            try plan(configuration(workers: 4, memoryLimit: smallest - 1))
        }
    }

    @Test func argumentsOutOfRangeAreRefused() throws {
        func refuses(_ change: (inout CentralConfiguration) -> Void) {
            var configuration = configuration()
            change(&configuration)
            #expect(throws: TrainingError.self) { try plan(configuration) }
        }
        refuses { $0.batch = 0 }
        refuses { $0.batch = 1439 }
        refuses { $0.batch = .nan }
        refuses { $0.epochs = 0.1 }
        refuses { $0.epochs = .infinity }
        refuses { $0.delta = 0 }
        refuses { $0.delta = 1 }
        refuses { $0.clip = 0 }
        refuses { $0.noise = .multiplier(0) }
        refuses { $0.noise = .multiplier(.nan) }
        refuses { $0.noise = .epsilon(0) }
        refuses { $0.workers = 0 }
        #expect(throws: TrainingError.self) { try CentralPlan(configuration(), examples: 0) }
    }

    @Test func otherDataIsRefused() throws {
        let trainer = CentralTrainer(try plan(configuration()))
        #expect(throws: TrainingError.lengthMismatch(what: "training examples", found: 359, expected: 1438)) {
            try trainer.run(train: bench.test, test: bench.test)
        }
    }

    @Test func evaluationDoesNotDependOnWorkers() throws {
        func evaluate(_ workers: Int) throws -> Evaluation {
            try Evaluation(
                of: bench.network,
                parameters: bench.parameters,
                on: bench.test,
                pool: WorkerPool(workers: workers)
            )
        }
        let one = try evaluate(1)
        #expect(try evaluate(2) == one)
        #expect(try evaluate(3) == one)
        #expect(one.loss > 1)
        #expect(one.accuracy < 0.5)
    }
}
