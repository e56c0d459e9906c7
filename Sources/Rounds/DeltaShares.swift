// SPDX-License-Identifier: Apache-2.0

package import Accounting

/// How a federated δ is divided, the same way by servers, clients and auditors.
///
/// The accountant gets all but one part in 1,024 of δ; the rest is set aside for the distance between the noise sampler
/// and its ideal law. Fixing the division makes an ε of a server and an ε of a client's ledger the same number.
package enum DeltaShares {
    /// The accountant's part.
    package static func accountant(of delta: Double) -> Double { delta * (1 - 0x1p-10) }

    /// The items of `delta` for a claim of `epsilon`.
    ///
    /// - Throws: ``PlanError`` when the sampler's item does not fit in what is set aside for it.
    package static func parts(
        of delta: Double,
        epsilon: Double,
        sampler: DeltaParts.SamplerDistance
    ) throws(PlanError) -> DeltaParts {
        let item = sampler.deltaItem(epsilon: epsilon)
        let aside = delta * 0x1p-11
        guard item <= aside else {
            throw PlanError(
                field: "privacy.delta",
                reason: "of \(delta) is too small: the noise sampler alone may take \(item); ask for a larger delta"
            )
        }
        return DeltaParts(accountant: accountant(of: delta), sampler: item)
    }
}
