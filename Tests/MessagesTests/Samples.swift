// SPDX-License-Identifier: Apache-2.0

import Randomness
import Rounds

/// Plans for these tests.
enum Samples {
    static func plan() throws -> TaskPlan {
        try TaskPlan(
            task: "digits",
            population: "people",
            model: ModelTerms(
                preset: "logistic",
                inputShape: [1, 8, 8],
                classes: 10,
                parameters: 650,
                initialisationSeed: 12_345_678_901_234_567_890
            ),
            privacy: PrivacyTerms(
                samplingRate: 0.05,
                targetEpsilon: 4,
                delta: 1e-6,
                clipNorm: 8,
                clippingMethod: "per-example",
                gridExponent: -3,
                bound: 1,
                noiseMultiple: 900,
                colluders: 2
            ),
            rounds: RoundTerms(rounds: 40, cohort: 10, fewestSurvivors: 8, deadlineSeconds: 60),
            optimizer: OptimizerTerms(kind: "sgd", learningRate: 0.5, momentum: 0.9, normaliser: 50),
            ringBits: 32
        )
    }

    /// A valid plan whose numbers range over everything that is allowed, bounds included.
    static func plan(from stream: inout InsecureTestStream) throws -> TaskPlan {
        func number(_ range: ClosedRange<Int>) -> Int {
            switch stream.uniform(below: 4) {
            case 0: range.lowerBound
            case 1: range.upperBound
            default: range.lowerBound + Int(stream.uniform(below: UInt64(range.count)))
            }
        }
        func positive() -> Double {
            Double(sign: .plus, exponent: number(-1000...1000), significand: 1 + stream.unitDouble())
        }
        func name() -> String {
            let letters = Array("abcXYZ019_-")
            return String((0..<number(1...64)).map { _ in letters[number(0...letters.count - 1)] })
        }
        let cohort = number(2...100_000)
        let fewestSurvivors = number(2...cohort)
        var terms = RoundTerms(
            rounds: number(1...10_000_000),
            cohort: cohort,
            fewestSurvivors: fewestSurvivors,
            deadlineSeconds: number(1...86_400)
        )
        if stream.uniform(below: 2) == 0 {
            terms.mostMembers = number(cohort...min(100_000, 10 * cohort))
            terms.selectionSeconds = number(1...86_400)
            terms.configurationSeconds = number(1...86_400)
            terms.uploadAfterMilliseconds = number(0...1000 * terms.deadlineSeconds - 1)
            terms.mostParticipations = number(1...10_000_000)
            terms.leastSeparation = number(1...terms.rounds)
        }
        var evaluation: EvaluationTerms?
        if terms.rounds > 1, stream.uniform(below: 2) == 0 {
            terms.evaluationEvery = number(1...terms.rounds - 1)
            terms.leastSeparation = min(terms.leastSeparation, terms.counts.training)
            evaluation = EvaluationTerms(
                samplingRate: stream.uniform(below: 3) == 0 ? 1 : max(0x1p-32, stream.unitDouble()),
                lossBound: Double(sign: .plus, exponent: number(-20...19), significand: 1 + stream.unitDouble()),
                bound: Int64(number(3...1 << 30)),
                noiseMultiple: UInt64(number(1...1 << 34))
            )
        }
        let gridExponent = number(-64...128)
        let bound = number(1...1 << 30)
        let norm = Double(sign: .plus, exponent: -gridExponent, significand: Double(bound))
        return try TaskPlan(
            task: name(),
            population: name(),
            model: ModelTerms(
                preset: name(),
                inputShape: stream.uniform(below: 2) == 0
                    ? [256, 65_536] : (0..<number(1...8)).map { _ in number(1...8) },
                classes: number(2...65_536),
                parameters: number(1...1 << 28),
                initialisationSeed: stream.next(),
                numbers: NumberTerms(
                    precision: NumberTerms.precisions[number(0...3)],
                    storage: NumberTerms.storages[number(0...2)],
                    lossScaleExponent: number(0...24)
                )
            ),
            privacy: PrivacyTerms(
                samplingRate: stream.uniform(below: 3) == 0 ? 1 : max(0x1p-32, stream.unitDouble()),
                targetEpsilon: positive(),
                delta: 0.5 + stream.unitDouble() / 4,
                clipNorm: stream.uniform(below: 2) == 0 ? norm : 2 * norm,
                clippingMethod: name(),
                gridExponent: gridExponent,
                bound: Int64(bound),
                noiseMultiple: UInt64(number(1...1 << 34)),
                colluders: number(1...fewestSurvivors - 1)
            ),
            rounds: terms,
            optimizer: OptimizerTerms(
                kind: "sgd",
                learningRate: positive(),
                momentum: stream.unitDouble(),
                normaliser: positive()
            ),
            ringBits: number(2...62),
            evaluation: evaluation
        )
    }
}
