// SPDX-License-Identifier: Apache-2.0

/// The L2 bound that the accountant uses, and where it comes from. It holds for every input, finite or not.
package struct SensitivityCertificate: Hashable, Sendable, Codable {
    /// The clipping method's name, for example `per-example`.
    package let method: String
    /// The most by which adding or removing one unit changes the integer sum, in L2 norm and grid units; at least 1.
    package let bound: Int64
    /// The grid's step is 2^-`gridExponent` in real units.
    package let gridExponent: Int
    /// The number of coordinates.
    package let dimension: Int
    /// The bound over the nominal clip norm, both in real units; at least 1 where errors widen the bound.
    package let inflation: Double
    /// How the bound was derived, in one line that names the proof.
    package let derivation: String
    /// The library versions and processor level on which the derivation relies; empty where it relies on none.
    package let environment: String

    package init(
        method: String,
        bound: Int64,
        gridExponent: Int,
        dimension: Int,
        inflation: Double,
        derivation: String,
        environment: String = ""
    ) {
        self.method = method
        self.bound = bound
        self.gridExponent = gridExponent
        self.dimension = dimension
        self.inflation = inflation
        self.derivation = derivation
        self.environment = environment
    }
}

extension SensitivityCertificate {
    /// Text fields are at most this long in an encoding.
    private static let textLimit = 1 << 16

    /// Throws unless the bound is positive, the dimension in 1...2^40 and the inflation is a finite positive number.
    package func validate() throws(AccountingError) {
        guard bound >= 1 else { throw .invalid("sensitivity bound", bound, "at least 1 grid unit") }
        guard (1...PrivacyEvent.maximumDimension).contains(dimension) else {
            throw .invalid("dimension", dimension, "1...2^40")
        }
        guard inflation.isFinite, inflation > 0 else { throw .invalid("inflation", inflation, "a positive number") }
        for text in [method, derivation, environment] where text.utf8.count > SensitivityCertificate.textLimit {
            throw .invalid("certificate text", "\(text.utf8.count) bytes", "at most 65536 bytes")
        }
    }

    package func encode(into encoder: inout CanonicalEncoder) {
        encoder.append(method)
        encoder.append(bound)
        encoder.append(Int64(gridExponent))
        encoder.append(Int64(dimension))
        encoder.append(inflation)
        encoder.append(derivation)
        encoder.append(environment)
    }

    package init(from decoder: inout CanonicalDecoder) throws(AccountingError) {
        let limit = SensitivityCertificate.textLimit
        method = try decoder.string(limit: limit)
        bound = try decoder.integer()
        gridExponent = Int(try decoder.integer(Int64.self))
        dimension = Int(try decoder.integer(Int64.self))
        inflation = try decoder.double()
        derivation = try decoder.string(limit: limit)
        environment = try decoder.string(limit: limit)
        try validate()
    }
}
