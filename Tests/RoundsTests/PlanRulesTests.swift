// SPDX-License-Identifier: Apache-2.0

import Rounds
import Testing

@Suite("Plan rules")
struct PlanRulesTests {
    /// One field, the values that a plan may have up to its bounds, and the nearest that it may not.
    struct Rule: Sendable, CustomTestStringConvertible {
        let field: String
        let allowed: [PlanDraft]
        let refused: [PlanDraft]

        init<Value>(_ field: String, _ path: WritableKeyPath<PlanDraft, Value>, _ allowed: [Value], _ refused: [Value])
        {
            self.field = field
            self.allowed = allowed.map { value in PlanDraft().with { $0[keyPath: path] = value } }
            self.refused = refused.map { value in PlanDraft().with { $0[keyPath: path] = value } }
        }

        var testDescription: String { field }
    }

    static let notNames = ["", ".hidden", "a/b", "a b", "ä", "a\n", "a\0", "..", String(repeating: "a", count: 65)]
    static let names = ["a", "A-Z.0_9", "-", "a..", String(repeating: "a", count: 64)]
    static let notPositive = [0, -0.0, -1, .infinity, -.infinity, .nan]

    static let rules = [
        Rule("task.name", \.task, names, notNames),
        Rule("task.population", \.population, names, notNames),
        Rule("model.preset", \.preset, ["x"], [""]),
        Rule(
            "data.shape",
            \.inputShape,
            [[1], [65_536], [256, 65_536], [65_536, 1, 256], [1, 1, 1, 1, 1, 1, 1, 1]],
            [[], [0], [3, -1], [65_537], [256, 65_536, 2], [257, 65_536], [1, 1, 1, 1, 1, 1, 1, 1, 1]]
                + [[Int](repeating: 65_536, count: 8)]
        ),
        Rule("data.classes", \.classes, [2, 65_536], [1, 0, -1, 65_537, .max]),
        Rule("model", \.parameters, [1, 1 << 28], [0, -1, (1 << 28) + 1, .max]),
        Rule("model.precision", \.precision, ["fp32", "tf32", "bf16", "fp16"], ["", "FP16", "fp64", "int8"]),
        Rule("model.storage", \.storage, ["fp32", "bf16", "fp16"], ["", "tf32", "fp64"]),
        Rule("model.loss-scale", \.lossScaleExponent, [0, 8, 24], [-1, 25, .max]),
        Rule("task.rounds", \.rounds, [1, 10_000_000], [0, -1, 10_000_001]),
        Rule("round.cohort", \.cohort, [8, 100_000], [0, -1, 100_001, .max]),
        Rule("round.fewest-survivors", \.fewestSurvivors, [3, 10], [0, -1, 11, .max]),
        Rule("round.deadline-seconds", \.deadlineSeconds, [1, 86_400], [0, -1, 86_401]),
        Rule("round.over-selection", \.mostMembers, [10, 100], [9, 0, -1, 101, .max]),
        Rule("round.selection-seconds", \.selectionSeconds, [1, 86_400], [0, -1, 86_401]),
        Rule("round.configuration-seconds", \.configurationSeconds, [1, 86_400], [0, -1, 86_401]),
        Rule("round.upload-after-milliseconds", \.uploadAfterMilliseconds, [0, 59_999], [-1, 60_000, .max]),
        Rule("round.most-participations", \.mostParticipations, [1, 10_000_000, .max], [0, -1, 10_000_001]),
        Rule("round.least-separation", \.leastSeparation, [1, 40], [0, -1, 41]),
        Rule(
            "privacy.sampling-rate",
            \.samplingRate,
            [0x1p-32, 0.5, 1],
            [0, -0.1, 0x1p-32.nextDown, 1.nextUp, .infinity, .nan]
        ),
        Rule("privacy.epsilon", \.targetEpsilon, [.leastNonzeroMagnitude, .greatestFiniteMagnitude], notPositive),
        Rule("privacy.delta", \.delta, [.leastNonzeroMagnitude, 1.nextDown], [0, -1e-9, 1, 2, .infinity, .nan]),
        Rule("privacy.clip", \.clipNorm, [1, .greatestFiniteMagnitude], notPositive),
        Rule("privacy.grid-exponent", \.gridExponent, [16, 128], [-65, 129, .min, .max]),
        // 2^-16 steps below a norm of 1: 65,536 of them are the norm.
        Rule("privacy.bound", \.bound, [1, 65_536], [0, -1, 65_537, (1 << 30) + 1, .max, .min]),
        Rule("privacy.noise-multiple", \.noiseMultiple, [1, 1 << 34], [0, (1 << 34) + 1, .max]),
        Rule("privacy.colluders", \.colluders, [1, 7], [0, -1, 8, 9, .max]),
        Rule("optimizer.kind", \.optimizer, ["sgd"], ["", "SGD", "adam"]),
        Rule("optimizer.learning-rate", \.learningRate, [.leastNonzeroMagnitude, 1e300], notPositive),
        Rule("optimizer.momentum", \.momentum, [0, 1.nextDown], [-.leastNonzeroMagnitude, 1, .infinity, .nan]),
        Rule("data.examples", \.normaliser, [.leastNonzeroMagnitude, 1e300], notPositive),
        Rule("update.ring-bits", \.ringBits, [2, 62], [1, 0, -1, 63, 64]),
    ]

    @Test("A value at its bound passes; the next beyond is refused by the name of its field", arguments: rules)
    func rule(_ rule: Rule) throws {
        for draft in rule.allowed { #expect(throws: Never.self) { try draft.plan() } }
        for draft in rule.refused {
            let error = #expect(throws: PlanError.self) { try draft.plan() }
            #expect(error?.field == rule.field)
            #expect(error?.description.hasPrefix(rule.field + ": ") == true)
        }
    }

    @Test("The largest bound is 2^30 grid steps, whatever the clip norm")
    func largestBound() {
        let draft = PlanDraft().with { $0.clipNorm = 1e300 }
        #expect(throws: Never.self) { try draft.with { $0.bound = 1 << 30 }.plan() }
        #expect(throws: PlanError.self) { try draft.with { $0.bound = (1 << 30) + 1 }.plan() }
    }

    @Test("The coarsest grid has steps of 2^64")
    func coarsestGrid() {
        let draft = PlanDraft().with {
            $0.gridExponent = -64
            $0.bound = 2
        }
        #expect(throws: Never.self) { try draft.with { $0.clipNorm = 0x1p65 }.plan() }
        #expect(throws: PlanError.self) { try draft.with { $0.clipNorm = 0x1p65.nextDown }.plan() }
    }

    @Test("One survivor cannot hide from a colluder, so the fewest survivors are two")
    func aloneIsRefused() {
        let draft = PlanDraft().with {
            $0.cohort = 1
            $0.fewestSurvivors = 1
            $0.colluders = 1
        }
        #expect(throws: PlanError.self) { try draft.plan() }
    }
}
