// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Noise

/// How a federated δ is divided, the same way by servers, clients and auditors.
///
/// The accountant gets all but one part in 1,024 of δ; half of the rest is set aside for the distance between the noise
/// sampler and its ideal law, a quarter for draws that are larger than what work is padded to (``PaddedDraw``). Fixing the division makes an ε of a server and an ε of a client's ledger the same number.
package enum DeltaShares {
    /// The accountant's part.
    package static func accountant(of delta: Double) -> Double { delta * (1 - 0x1p-10) }

    /// The items of `delta` for a claim of `epsilon`, or `nil` when the sampler's or the draws' item does not fit in what is
    /// set aside for it: then nothing can be claimed. The sampler's grows like e^ε, so this happens at an ε of about 50, where a
    /// claim would say nothing anyway.
    ///
    /// - Parameters:
    ///   - event: what the claim is about; only the noise that it relies on counts.
    ///   - dimension: coordinates of each release.
    package static func parts(
        of delta: Double,
        epsilon: Double,
        event: PrivacyEvent,
        dimension: Int
    ) throws(AccountingError) -> DeltaParts? {
        var item = 0.0
        for noise in event.discreteNoise {
            item += try distance(of: noise, dimension: dimension).deltaItem(epsilon: epsilon)
        }
        // The sum of the rounded items is rounded up once more.
        item = item == 0 ? 0 : item.nextUp
        let draw = draw(of: event)
        guard item <= delta * 0x1p-11, draw <= delta * 0x1p-12 else { return nil }
        return DeltaParts(accountant: accountant(of: delta), sampler: item, draw: draw)
    }

    /// The item of draws that are larger than what a device's work is padded to: one probability for each draw, whatever the
    /// claim of epsilon (``PaddedDraw``).
    package static func draw(of event: PrivacyEvent) -> Double {
        // A product with a power of two is exact.
        DirectedRounding.atLeast(Int64(event.sampledReleases)) * PaddedDraw.largerDraw
    }

    /// How far the noise that our sampler draws lies from the ideal law.
    ///
    /// - Parameter dimension: coordinates of each release.
    /// - Throws: ``AccountingError`` for a sigma that our sampler does not draw.
    package static func distance(
        of noise: PrivacyEvent.DiscreteNoise,
        dimension: Int
    ) throws(AccountingError) -> DeltaParts.SamplerDistance {
        guard let multiple = UInt64(exactly: noise.sigma / 64), let sampler = try? DiscreteGaussian(multiple: multiple)
        else {
            throw .unsupportedEvent(
                event: "discrete Gaussian of sigma \(noise.sigma)",
                reason: "its sampler's distance is known for whole multiples of 64 only"
            )
        }
        return try DeltaParts.SamplerDistance(
            perSampleLog2: sampler.samplerDistanceLog2,
            steps: noise.samples,
            dimension: dimension
        )
    }
}
