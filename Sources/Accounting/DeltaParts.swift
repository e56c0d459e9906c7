// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The items of a delta. They add up to at most the delta that was asked for.
package struct DeltaParts: Hashable, Sendable, Codable {
    /// Given to the accountant.
    package let accountant: Double
    /// (1 + e^epsilon) times the statistical distance of all drawn noise from the ideal law.
    package let sampler: Double
    /// The probability that a randomised rounding breaks the sensitivity bound, over all steps.
    package let rounding: Double
    /// The probability that a device's draw is larger than what its work is padded to, so that its time may tell of it, over all
    /// rounds; 0 where no time is told.
    package let draw: Double
    /// The transfer from discrete to continuous noise; 0 for RDP, which carries it in the divergence.
    package let transfer: Double
    /// The discrete Fourier transform's truncation and wrap-around; 0 for RDP.
    package let fft: Double

    /// The sum of the items, rounded up.
    package var total: Double {
        [sampler, rounding, draw, transfer, fft].reduce(accountant, DirectedRounding.addUp)
    }

    package init(
        accountant: Double,
        sampler: Double = 0,
        rounding: Double = 0,
        draw: Double = 0,
        transfer: Double = 0,
        fft: Double = 0
    ) {
        self.accountant = accountant
        self.sampler = sampler
        self.rounding = rounding
        self.draw = draw
        self.transfer = transfer
        self.fft = fft
    }

    /// Statements of before there was an item for draws have none.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            accountant: container.decode(Double.self, forKey: .accountant),
            sampler: container.decode(Double.self, forKey: .sampler),
            rounding: container.decode(Double.self, forKey: .rounding),
            draw: container.decodeIfPresent(Double.self, forKey: .draw) ?? 0,
            transfer: container.decode(Double.self, forKey: .transfer),
            fft: container.decode(Double.self, forKey: .fft)
        )
    }

    /// Label and value of each item that is not zero.
    package var rows: [(label: String, value: String)] {
        [
            ("accountant", accountant), ("sampler", sampler), ("rounding", rounding), ("draw", draw),
            ("transfer", transfer), ("fft", fft),
        ]
        .filter { $0.1 > 0 }
        .map { ("delta: \($0.0)", "\($0.1)") }
    }

    /// The items of an accounted epsilon's delta, which the transform's and the transfer's are part of, and the others.
    package init(_ accounted: AccountedEpsilon, sampler: Double, rounding: Double = 0, draw: Double = 0) {
        let others = DirectedRounding.addUp(accounted.fft, accounted.transfer)
        // Three units in the last place below, so that the total, which rounds up, stays at most delta.
        let rest = others > 0 ? (accounted.delta - others).nextDown.nextDown.nextDown : accounted.delta
        self.init(
            accountant: max(0, rest),
            sampler: sampler,
            rounding: rounding,
            draw: draw,
            transfer: accounted.transfer,
            fft: accounted.fft
        )
    }

    /// The part of `delta` that the factor e^slack of the transfer theorem takes, rounded up (`docs/proofs/pld.md`, 2.3).
    static func transferItem(of delta: Double, slack: Double) -> Double {
        slack > 0 ? max(DirectedRounding.multiplyUp(delta, expm1(slack).nextUp), .leastNormalMagnitude) : 0
    }

    /// By how much delta at a negative epsilon may exceed delta at 0: 1 - e^epsilon, rounded up; 0 for other epsilons.
    static func belowZero(_ epsilon: Double) -> Double {
        epsilon < 0 ? (-expm1(epsilon.nextDown)).nextUp.nextUp : 0
    }

    /// How far the noise really drawn lies from the ideal law.
    package struct SamplerDistance: Hashable, Sendable, Codable {
        /// The base-2 logarithm of a bound of one sample's statistical distance; negative infinity for an ideal
        /// sampler.
        package let perSampleLog2: Double
        /// Steps times coordinates times noise shares, rounded up.
        package let samples: Double

        /// - Parameters:
        ///   - perSampleLog2: at most 0.
        ///   - steps, dimension, shares: at least 0.
        package init(
            perSampleLog2: Double,
            steps: Int,
            dimension: Int,
            shares: Int = 1
        ) throws(AccountingError) {
            guard perSampleLog2 <= 0 else {
                throw .invalid("statistical distance of a sample (log2)", perSampleLog2, "at most 0")
            }
            guard steps >= 0, dimension >= 0, shares >= 0 else {
                throw .invalid("number of noise samples", "negative", "at least 0")
            }
            self.perSampleLog2 = perSampleLog2
            samples = [dimension, shares].reduce(DirectedRounding.atLeast(Int64(steps))) { product, factor in
                DirectedRounding.multiplyUp(product, DirectedRounding.atLeast(Int64(factor)))
            }
        }

        /// A bound of the distance over all samples (hybrid argument), rounded up.
        var total: Double {
            guard perSampleLog2 > -.infinity else { return 0 }
            let single = max(exp2(perSampleLog2) * (1 + 8 * DirectedRounding.unit), .leastNormalMagnitude)
            return DirectedRounding.multiplyUp(single, samples)
        }

        /// The sampler's item of delta beside a claim of `epsilon`: (1 + e^epsilon) times the distance, rounded up.
        package func deltaItem(epsilon: Double) -> Double {
            DirectedRounding.multiplyUp(total, (1 + exp(epsilon)) * (1 + 8 * DirectedRounding.unit))
        }
    }

    /// Splits `delta`: the sampler gets (1 + e^epsilon) times its distance and the accountant the rest.
    ///
    /// M within distance t of a mechanism that is (epsilon, d)-DP is (epsilon, d + (1 + e^epsilon) t)-DP. Epsilon
    /// depends on the accountant's rest, so the sampler's item is set aside first and checked at the epsilon that
    /// results.
    /// - Parameters:
    ///   - delta: the delta asked for, in (0, 1).
    ///   - sampler: nil where no sampler is involved.
    ///   - rounding: steps times beta.
    ///   - account: the epsilon at the accountant's delta.
    /// - Returns: the items, whose `total` is at most `delta`, and the epsilon at `accountant`.
    package static func split(
        _ delta: Double,
        sampler: SamplerDistance? = nil,
        rounding: Double = 0,
        account: (Double) throws(AccountingError) -> AccountedEpsilon
    ) throws(AccountingError) -> (parts: DeltaParts, accounted: AccountedEpsilon) {
        try split(delta, samplers: sampler.map { [$0] } ?? [], rounding: rounding, account: account)
    }

    /// The same for noise of several samplers, whose distances add up.
    ///
    /// - Parameter draw: the item of draws beyond what work is padded to.
    package static func split(
        _ delta: Double,
        samplers: [SamplerDistance],
        rounding: Double = 0,
        draw: Double = 0,
        account: (Double) throws(AccountingError) -> AccountedEpsilon
    ) throws(AccountingError) -> (parts: DeltaParts, accounted: AccountedEpsilon) {
        guard delta > 0, delta < 1 else { throw .invalid("delta", delta, "a number in (0, 1)") }
        guard rounding >= 0, rounding.isFinite else { throw .invalid("rounding item of delta", rounding, "at least 0") }
        guard draw >= 0, draw.isFinite else { throw .invalid("draw item of delta", draw, "at least 0") }
        func need(_ epsilon: Double) -> Double {
            samplers.reduce(0) { DirectedRounding.addUp($0, $1.deltaItem(epsilon: epsilon)) }
        }
        guard need(0) > 0 || rounding > 0 || draw > 0 else {
            let accounted = try account(delta)
            return (DeltaParts(accounted, sampler: 0, rounding: 0), accounted)
        }
        // The first reserve is too small to be seen in epsilon and nearly always enough.
        var item = max(2 * need(0), delta * 0x1p-40)
        while true {
            let taken = DirectedRounding.addUp(DirectedRounding.addUp(item, rounding), draw)
            // Some units in the last place below, so that the total, which rounds up for each item, stays at most delta.
            let rest = (delta - taken).nextDown.nextDown - 4 * delta.ulp
            guard taken < delta, rest > 0 else { throw .deltaExhausted(asked: delta, taken: taken) }
            let accounted = try account(rest)
            let needed = need(accounted.epsilon)
            if needed <= item {
                let parts = DeltaParts(accounted, sampler: min(item, 2 * needed), rounding: rounding, draw: draw)
                return (parts, accounted)
            }
            item = 2 * needed
        }
    }
}
