// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import Cryptography
import Datasets
import Networks
import Training

/// What the suites of this room audit.
enum Samples {
    static func certificate(bound: Int64 = 640, dimension: Int = 650) -> SensitivityCertificate {
        SensitivityCertificate(
            method: "per-example",
            bound: bound,
            gridExponent: 10,
            dimension: dimension,
            inflation: 1,
            derivation: "integer clip"
        )
    }

    static func step(rate: Double = 0.1, sigma: Double = 640) -> PrivacyEvent {
        .poissonSampled(rate: rate, event: .discreteGaussian(sigma: sigma, sensitivity: 640))
    }

    static func charge(_ round: Int, events: [Adversary: PrivacyEvent]? = nil) -> LedgerCharge {
        LedgerCharge(
            LedgerCharge.Attempt(task: "digits", round: round),
            kind: .reserved,
            events: events ?? [
                .outsider: step(), .colluders(2): step(sigma: 576),
                .server: .discreteGaussian(sigma: 640, sensitivity: 640),
            ],
            certificate: certificate(),
            modelHashBefore: [UInt8](repeating: 0xAB, count: 32)
        )
    }

    /// Two attempts, one of them spent.
    static func ledger() throws -> Ledger {
        var ledger = try Ledger(population: "people")
        try ledger.append(charge(0))
        try ledger.append(charge(0).closed(as: .spent, modelHashAfter: [UInt8](repeating: 0xCD, count: 32)))
        try ledger.append(charge(1))
        return ledger
    }

    static let hash = [UInt8](repeating: 1, count: 32)
}

extension Samples {
    /// The document of a ledger that somebody signed.
    static func signed(_ ledger: Ledger) throws -> [UInt8] {
        try LedgerFile.json(ledger, signature: LedgerSignature(of: ledger, by: Ed25519PrivateKey()))
    }
}
