// SPDX-License-Identifier: Apache-2.0

internal import Accounting
package import Datasets
internal import Kernels
internal import Networks
internal import Noise
internal import Randomness
package import Rounds
package import Training
package import Updates

/// Where a client's coins and noise come from: the operating system, unless a test says otherwise by name.
package enum ShareRandomness: Sendable {
    case secret
    /// No noise, and coins from a stream that everybody knows: nothing about the result is private.
    case insecureNoNoise(seed: @Sendable (RoundIdentifier) -> UInt64)
    /// Coins and noise that everybody can draw again: to compare runs on declared public data with each other.
    case insecureNoise(@Sendable (RoundIdentifier) -> InsecureRandomness)
}

/// Computes a device's share of a round: draw, clipped integer sum, noise, coding.
package struct ShareSource {
    private let reviewed: ReviewedPlan
    private let dataset: Dataset
    private let randomness: ShareRandomness
    private let pool: WorkerPool
    private let workspace: StepWorkspace
    private let parameters: Buffer<Float>
    /// Examples whose work a round takes, drawn or not; 0 where somebody counts what clipping does.
    private let slots: Int
    /// What this device has for evaluation rounds.
    private let heldOut: Dataset?

    /// - Parameters:
    ///   - heldOut: the examples of evaluation rounds; `nil` gives noise alone.
    ///   - insecureDiagnostics: counts what clipping does to the examples: for public data only.
    package init(
        _ reviewed: ReviewedPlan,
        dataset: Dataset,
        heldOut: Dataset? = nil,
        randomness: ShareRandomness,
        workers: Int,
        insecureDiagnostics: ClippingDiagnostics? = nil
    ) throws(ParticipantError) {
        if case .insecureNoise = randomness {
            try Self.checkPublic(dataset)
            if let heldOut { try Self.checkPublic(heldOut) }
        }
        self.heldOut = heldOut
        if insecureDiagnostics != nil { try Self.checkPublic(dataset) }
        self.reviewed = reviewed
        self.dataset = dataset
        self.randomness = randomness
        pool = WorkerPool(workers: workers)
        parameters = Buffer(count: reviewed.network.parameterCount)
        slots = insecureDiagnostics == nil ? reviewed.slots : 0
        workspace = StepWorkspace(
            summer: GradientSummer(
                reviewed.clipping,
                pool: pool,
                examples: ShareMemory.drawn(reviewed.slots),
                padsDraws: slots > 0,
                diagnostics: insecureDiagnostics
            )
        )
    }

    /// What can be repeated, and what is counted without noise, is for data that somebody declared public.
    private static func checkPublic(_ dataset: Dataset) throws(ParticipantError) {
        guard dataset.isPublic else {
            throw .refused("\(dataset.name): noise that can be repeated needs data that is declared public")
        }
    }

    /// The update of one round. An empty draw gives noise alone, of the same form and size.
    package func update(round: RoundIdentifier, model: [UInt8]) throws(ParticipantError) -> EncodedUpdate {
        guard let update = try update(round: round, model: model, isStopped: { false }) else {
            preconditionFailure("nobody stops it")
        }
        return update
    }

    /// The same, or `nil` when `isStopped` ended it between two batches; it is asked from several threads.
    ///
    /// The noise is drawn before any example is read, and the work on examples is padded to what the largest likely draw takes,
    /// so that the time it takes says nothing about the data.
    package func update(
        round: RoundIdentifier,
        model: [UInt8],
        isStopped: @escaping @Sendable () -> Bool
    ) throws(ParticipantError) -> EncodedUpdate? {
        do {
            let values = try reviewed.network.parameters(safetensors: model)
            parameters.write { target in
                for index in values.indices { target[index] = values[index] }
            }
            guard reviewed.plan.rounds.kind(ofRound: round.round) == .training else {
                return try evaluationUpdate(round, isStopped)
            }
            let share = try noiseShare(
                round,
                count: reviewed.network.parameterCount,
                reviewed.plan.privacy.noiseMultiple
            )
            let sampler = try PoissonSampler(rate: reviewed.plan.privacy.samplingRate)
            let event = reviewed.plan.event(against: .server)
            switch randomness {
            case .secret:
                var coins = SecretStream(.draw)
                guard let sum = clippedSum(sampler, event, &coins, isStopped) else { return nil }
                return sum.noised(by: share).encoded(in: reviewed.ring)
            case .insecureNoNoise(let seed):
                var coins = InsecureTestStream(seed: seed(round))
                guard let sum = clippedSum(sampler, event, &coins, isStopped) else { return nil }
                return sum.noised(by: share).encoded(in: reviewed.ring)
            case .insecureNoise(let randomness):
                var coins = randomness(round).stream(.draw)
                guard let sum = clippedSum(sampler, event, &coins, isStopped) else { return nil }
                return sum.noised(by: share).encoded(in: reviewed.ring)
            }
        } catch {
            throw .refused("\(round): \(error)")
        }
    }

    /// This device's part in an evaluation round: the held-out examples' integers, with noise of the same kind as that of a
    /// training update. Without examples it is noise alone.
    private func evaluationUpdate(
        _ round: RoundIdentifier,
        _ isStopped: @escaping @Sendable () -> Bool
    ) throws -> EncodedUpdate? {
        let terms = reviewed.plan.evaluationTerms
        let share = try noiseShare(round, count: EvaluationTerms.coordinates, terms.noiseMultiple)
        let sampler = try PoissonSampler(rate: terms.samplingRate)
        let drawn: [Int]
        switch randomness {
        case .secret:
            var coins = SecretStream(.draw)
            drawn = sampler.draw(count: heldOut?.count ?? 0, from: &coins)
        case .insecureNoNoise(let seed):
            var coins = InsecureTestStream(seed: seed(round))
            drawn = sampler.draw(count: heldOut?.count ?? 0, from: &coins)
        case .insecureNoise(let randomness):
            var coins = randomness(round).stream(.draw)
            drawn = sampler.draw(count: heldOut?.count ?? 0, from: &coins)
        }
        guard let integers = heldOutSum(of: drawn, terms, isStopped) else { return nil }
        let ring = try Ring(bits: EvaluationTerms.ringBits)
        return Update<Clipped>(values: integers, certificate: terms.certificate).noised(by: share).encoded(in: ring)
    }

    private func heldOutSum(
        of drawn: [Int],
        _ terms: EvaluationTerms,
        _ isStopped: @escaping @Sendable () -> Bool
    ) -> [Int64]? {
        guard let heldOut else { return [Int64](repeating: 0, count: EvaluationTerms.coordinates) }
        return HeldOutSum(reviewed.network, pool: pool, numerics: reviewed.numerics).sum(
            of: heldOut,
            drawn: drawn,
            slots: reviewed.heldOutSlots,
            coordinates: EvaluationTerms.coordinates,
            parameters: parameters,
            isStopped: isStopped,
            contribution: { terms.contribution(loss: $0, correct: $1, of: $2) }
        )
    }

    private func noiseShare(_ round: RoundIdentifier, count: Int, _ multiple: UInt64) throws -> NoiseShare {
        switch randomness {
        case .secret:
            let mechanism = try DiscreteGaussian(multiple: multiple)
            var stream = SecretStream(.noise)
            return NoiseShare.draw(count: count, mechanism: mechanism, stream: &stream)
        case .insecureNoNoise:
            return .insecureZero(count: count)
        case .insecureNoise(let randomness):
            let mechanism = try DiscreteGaussian(multiple: multiple)
            var stream = randomness(round).stream(.noise)
            return NoiseShare.draw(count: count, mechanism: mechanism, stream: &stream)
        }
    }

    private func clippedSum(
        _ sampler: PoissonSampler,
        _ event: PrivacyEvent,
        _ coins: inout some RandomWords & ~Copyable,
        _ isStopped: @escaping @Sendable () -> Bool
    ) -> Update<Clipped>? {
        var step = LogicalStep<ShareRelease>(workspace, dataset: dataset, sampler: sampler, event: event, coins: &coins)
        if slots > 0 {
            guard step.pad(to: slots, parameters: parameters, isStopped: isStopped) else { return nil }
        }
        guard step.sum(parameters: parameters, isStopped: isStopped) else { return nil }
        var update: Update<Clipped>?
        // The device's ledger is charged once the sealed bytes are on disk, and before any of them leaves.
        step.commit(account: { _ in }, clippedSum: { update = Update(copying: $0, certificate: reviewed.certificate) })
        guard let update = update.take() else { preconditionFailure("a committed step hands its sum over") }
        return update
    }
}
