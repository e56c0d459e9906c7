// SPDX-License-Identifier: Apache-2.0

import Rounds

/// The fields of a plan, free to be changed one at a time; unchanged they make a valid plan.
struct PlanDraft {
    var task = "digits"
    var population = "people"
    var preset = "logistic"
    var inputShape = [1, 8, 8]
    var classes = 10
    var parameters = 650
    var precision = "fp32"
    var storage = "fp32"
    var lossScaleExponent = 0
    var samplingRate = 0.05
    var targetEpsilon = 4.0
    var delta = 1e-6
    var clipNorm = 1.0
    var clippingMethod = "per-example"
    var gridExponent = 16
    var bound: Int64 = 65_000
    var noiseMultiple: UInt64 = 900
    var colluders = 2
    var rounds = 40
    var cohort = 10
    var fewestSurvivors = 8
    var deadlineSeconds = 60
    /// As many as the cohort, where it is `nil`.
    var mostMembers: Int?
    var selectionSeconds = 30
    var configurationSeconds = 20
    var uploadAfterMilliseconds = 500
    var mostParticipations = 12
    var leastSeparation = 1
    var evaluationEvery: Int?
    var evaluation: EvaluationTerms?
    var optimizer = "sgd"
    var learningRate = 0.5
    var momentum = 0.9
    var normaliser = 50.0
    var ringBits = 32

    var terms: RoundTerms {
        var terms = RoundTerms(
            rounds: rounds,
            cohort: cohort,
            fewestSurvivors: fewestSurvivors,
            deadlineSeconds: deadlineSeconds
        )
        terms.mostMembers = mostMembers ?? cohort
        terms.selectionSeconds = selectionSeconds
        terms.configurationSeconds = configurationSeconds
        terms.uploadAfterMilliseconds = uploadAfterMilliseconds
        terms.mostParticipations = mostParticipations
        terms.leastSeparation = leastSeparation
        terms.evaluationEvery = evaluationEvery
        return terms
    }

    func plan() throws(PlanError) -> TaskPlan {
        try TaskPlan(
            task: task,
            population: population,
            model: ModelTerms(
                preset: preset,
                inputShape: inputShape,
                classes: classes,
                parameters: parameters,
                initialisationSeed: 1,
                numbers: NumberTerms(precision: precision, storage: storage, lossScaleExponent: lossScaleExponent)
            ),
            privacy: PrivacyTerms(
                samplingRate: samplingRate,
                targetEpsilon: targetEpsilon,
                delta: delta,
                clipNorm: clipNorm,
                clippingMethod: clippingMethod,
                gridExponent: gridExponent,
                bound: bound,
                noiseMultiple: noiseMultiple,
                colluders: colluders
            ),
            rounds: terms,
            optimizer: OptimizerTerms(
                kind: optimizer,
                learningRate: learningRate,
                momentum: momentum,
                normaliser: normaliser
            ),
            ringBits: ringBits,
            evaluation: evaluation
        )
    }

    /// The draft with one change.
    func with(_ change: (inout PlanDraft) -> Void) -> PlanDraft {
        var draft = self
        change(&draft)
        return draft
    }
}
