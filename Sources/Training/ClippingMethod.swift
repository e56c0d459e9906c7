// SPDX-License-Identifier: Apache-2.0

package import Accounting
package import Datasets
package import Kernels
package import Networks

/// How the gradients of a tile of examples become clipped integers on the certified grid.
///
/// A method is one file: a type that conforms, one ``ClippingWorker``, and one line in ``ClippingMethods``. Its
/// certificate must hold for every input, non-finite ones included, and an example's share of a sum may depend on nothing
/// but that example, the parameters and public values.
package protocol ClippingMethod: Sendable {
    /// The name that `--clipping` takes.
    var name: String { get }

    /// What one example can change in an integer sum, at most, in L2 and grid units.
    ///
    /// - Throws: ``TrainingError/notCertified(method:reason:)`` where the method cannot bound `network` on `grid`.
    func certificate(for network: Network, grid: CertifiedGrid) throws(TrainingError) -> SensitivityCertificate

    /// The state of one worker; made once, used by one thread at a time.
    ///
    /// - Throws: ``TrainingError/notCertified(method:reason:)`` as ``certificate(for:grid:)``.
    func makeWorker(for network: Network, grid: CertifiedGrid) throws(TrainingError) -> any ClippingWorker

    /// Bytes of one worker's state.
    func plannedBytes(for network: Network) -> Int
}

/// One worker's memory for one clipping method.
package protocol ClippingWorker: AnyObject {
    /// Adds the clipped integer gradients of a tile to `sum`.
    ///
    /// - Parameters:
    ///   - tile: indices of at most `Network.tileRows` examples of `dataset`.
    ///   - sum: one value a parameter; every other value already in it is kept.
    func accumulate(
        tile: ArraySlice<Int>,
        of dataset: Dataset,
        parameters: Buffer<Float>,
        into sum: Buffer<Int64>
    )
}

/// The clipping methods there are, by name.
package enum ClippingMethods {
    /// Every method, in the order in which messages list them.
    package static let all: [any ClippingMethod] = [PerExampleClipping()]

    /// The method of this name.
    ///
    /// - Throws: ``TrainingError/unknownClipping(name:known:)``, which lists what exists.
    package static func named(_ name: String) throws(TrainingError) -> any ClippingMethod {
        guard let method = all.first(where: { $0.name == name }) else {
            throw .unknownClipping(name: name, known: all.map(\.name))
        }
        return method
    }
}
