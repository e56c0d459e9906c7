// SPDX-License-Identifier: Apache-2.0

extension PrivacyEvent {
    /// What an epsilon for this event relies on and no accountant can see, one sentence each, each once.
    package var assumptions: [String] {
        var found: [String] = []
        collectAssumptions(into: &found)
        return found
    }

    private func collectAssumptions(into found: inout [String]) {
        func add(_ sentences: String...) {
            for sentence in sentences where !found.contains(sentence) { found.append(sentence) }
        }
        switch self {
        case .gaussian:
            add("the noise is a real-valued Gaussian, which no computer draws exactly")
        case .discreteGaussian:
            add("the noise is independent over coordinates and steps, and nobody but its source knows it")
        case .sumOfDiscreteGaussians(let shares, _, _):
            add("at least \(shares) noise shares are drawn as planned, by sources that the adversary does not control")
        case .skellam:
            add(
                "the noise is independent over coordinates and steps, and nobody but its sources knows it",
                "the bound of Agarwal, Kairouz and Liu (arXiv 2110.04995), Theorem 3.5"
            )
        case .poissonSampled(_, let event):
            add("every example flips a coin of its own at every step, and the adversary does not see who takes part")
            event.collectAssumptions(into: &found)
        case .truncatedPoisson(_, let population, _, let event):
            add(
                "each of \(population) examples flips a coin of its own at every step; a batch is cut uniformly",
                "the dominating pair of Chua et al. (arXiv 2411.04205) and Ganesh (arXiv 2508.15089)"
            )
            event.collectAssumptions(into: &found)
        case .clientsThenExamples(_, _, let event):
            add("every client, and every example of a client that takes part, flips a coin of its own at every step")
            event.collectAssumptions(into: &found)
        case .boundedParticipation(_, let participations, let separation, let event):
            add("no unit takes part in more than \(participations) rounds, or in two less than \(separation) apart")
            event.collectAssumptions(into: &found)
        case .treeAggregation:
            add("a unit takes part at most once in a tree; its absence is the zeroing of its contribution")
        case .bandedMatrix:
            add(
                "records lie in groups that do not change; within a group each flips a coin of its own",
                "the strategy matrix is banded as stated, and its columns have norm at most 1"
            )
        case .composed(let parts):
            for part in parts where part.count > 0 { part.event.collectAssumptions(into: &found) }
        }
    }
}
