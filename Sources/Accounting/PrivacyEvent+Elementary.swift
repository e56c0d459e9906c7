// SPDX-License-Identifier: Apache-2.0

extension PrivacyEvent {
    /// The same guarantee by the elementary events: a bounded participation is so many rounds in a row, since what a unit
    /// does not take part in says nothing about it; a banded factorisation is a sampled step for each turn of a group
    /// (`docs/proofs/pld.md`, 2.6 and 2.7).
    var elementary: PrivacyEvent {
        get throws(AccountingError) {
            switch self {
            case .boundedParticipation(let rounds, let participations, let separation, let event):
                guard rounds >= 0 else { throw .invalid("number of rounds", rounds, "at least 0") }
                guard participations >= 0 else { throw .invalid("participations", participations, "at least 0") }
                guard separation >= 1 else { throw .invalid("minimum separation", separation, "at least 1") }
                let fitting = rounds / separation + (rounds % separation == 0 ? 0 : 1)
                return .composed([Repeated(event, count: min(participations, fitting))])
            case .bandedMatrix(let noiseMultiplier, let iterations, let bands, let rate):
                guard iterations >= 1 else { throw .invalid("number of iterations", iterations, "at least 1") }
                guard bands >= 1 else { throw .invalid("number of bands", bands, "at least 1") }
                let turns = iterations / bands + (iterations % bands == 0 ? 0 : 1)
                let step = PrivacyEvent.gaussian(noiseMultiplier: noiseMultiplier)
                return .composed([Repeated(.poissonSampled(rate: rate, event: step), count: turns)])
            default:
                return self
            }
        }
    }

    static func check(rate: Double) throws(AccountingError) {
        guard rate >= 0, rate <= 1, rate.sign == .plus else {
            throw .invalid("sampling rate", rate, "a number in [0, 1]")
        }
    }
}
