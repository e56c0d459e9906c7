// SPDX-License-Identifier: Apache-2.0

package import Accounting
import Cryptography
package import Networks

/// A released model as two files that belong together: the tensors and what may be claimed about them.
///
/// Both are bytes; who writes them decides how.
package struct ModelFile: Sendable {
    /// The names of the two files in a model's directory.
    package static let modelName = "model.safetensors"
    package static let statementName = "privacy.json"

    /// A safetensors file with the tensors that the network's layout names.
    package let model: [UInt8]
    package let statement: PrivacyStatement

    /// - Parameters:
    ///   - parameters: one value a parameter of `network`.
    ///   - claims, events, certificates, binaryHash, ledgerHead: as ``PrivacyStatement``.
    /// - Throws: ``TrainingError/lengthMismatch(what:found:expected:)``.
    package init(
        network: Network,
        parameters: [Float],
        claims: [PrivacyClaim],
        events: [Adversary: [PrivacyEvent.Repeated]],
        certificates: [SensitivityCertificate],
        binaryHash: [UInt8]? = nil,
        ledgerHead: [UInt8]? = nil
    ) throws(TrainingError) {
        guard parameters.count == network.parameterCount else {
            throw .lengthMismatch(what: "model parameters", found: parameters.count, expected: network.parameterCount)
        }
        model = network.safetensors(parameters)
        statement = PrivacyStatement(
            model: PrivacyStatement.Model(
                network: network.name,
                parameters: parameters.count,
                sha256: Hexadecimal.text(SHA256.hash(model))
            ),
            claims: claims,
            events: events,
            certificates: certificates,
            binaryHash: binaryHash,
            ledgerHead: ledgerHead
        )
    }
}
