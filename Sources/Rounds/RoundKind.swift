// SPDX-License-Identifier: Apache-2.0

/// What a round of a task is for. The plan alone decides it, by the round's number.
package enum RoundKind: String, Hashable, Sendable, CaseIterable {
    /// Its sum changes the model.
    case training
    /// Its sum tells how well the model does on examples that clients hold out; the model stays.
    case evaluation
}

/// So many rounds, or attempts at rounds, of each kind.
package struct RoundCounts: Hashable, Sendable {
    package var training: Int
    package var evaluation: Int

    package init(training: Int = 0, evaluation: Int = 0) {
        self.training = training
        self.evaluation = evaluation
    }

    package var total: Int { training + evaluation }

    package subscript(_ kind: RoundKind) -> Int {
        get { kind == .training ? training : evaluation }
        set {
            switch kind {
            case .training: training = newValue
            case .evaluation: evaluation = newValue
            }
        }
    }
}

extension RoundTerms {
    /// Every round whose number is a multiple of this is for evaluation; `nil` where none is.
    package var evaluationPeriod: Int? { evaluationEvery.map { $0 + 1 } }

    package func kind(ofRound round: Int) -> RoundKind {
        evaluationPeriod.map { round.isMultiple(of: $0) } ?? false ? .evaluation : .training
    }

    /// The rounds of each kind among rounds 1...`round`.
    package func counts(through round: Int) -> RoundCounts {
        let evaluation = evaluationPeriod.map { round / $0 } ?? 0
        return RoundCounts(training: round - evaluation, evaluation: evaluation)
    }

    /// The rounds of each kind of the whole task.
    package var counts: RoundCounts { counts(through: rounds) }

    /// The earliest round for training that is `count` training rounds, at least 1, after `round`; `Int.max` where there is none.
    package func round(afterTraining count: Int, since round: Int) -> Int {
        let (training, overflow) = counts(through: round).training.addingReportingOverflow(count)
        guard !overflow else { return .max }
        // Training round n follows (n - 1) / every rounds for evaluation.
        guard let every = evaluationEvery else { return training }
        let (number, overflows) = training.addingReportingOverflow((training - 1) / every)
        return overflows ? .max : number
    }
}
