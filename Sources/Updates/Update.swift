// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Cryptography

/// The phase of an update whose L2 norm is certified, without noise yet.
package enum Clipped {}

/// The phase of an update that carries its share of the noise.
package enum Noised {}

/// One client's contribution to a round on its way out: an integer vector in grid units and the phase that it is in.
///
/// The room *Updates* takes a clipped integer sum to sealed bytes, and sealed bytes back to a modular sum:
///
/// ```
/// Update<Clipped> -> Update<Noised> -> EncodedUpdate -> SealedUpdate ~~> DecodedUpdate -> RunningSum
/// ```
///
/// Every transition consumes the value before it, and nothing else makes the value after it, so that sending an update
/// that was not clipped, noised and sealed does not compile. The room promises that decoding an encoding gives the
/// ring's representatives back, that the sum of the decoded updates is the modular sum, and that no received byte makes
/// it crash, read beyond its input, or take more memory than the plan's count and bits allow. It never draws noise
/// after data was seen (``NoiseShare`` is drawn first), never decides a clip, and never writes or sends anything.
///
/// Values are secret: storage is overwritten with zeros when it ends. Not covered are copies that a caller keeps of an
/// array it handed in, registers and spilled stack words, memory inside libzstd, swapped pages and core dumps.
package struct Update<Phase>: ~Copyable, Sendable {
    /// The proof that the values' norm is bounded.
    package let certificate: SensitivityCertificate
    /// The standard deviation of the noise within, in grid units; 0 before there is any.
    package let noiseStandardDeviation: Double
    /// Whether the noise was drawn from a secret stream of the operating system's; `false` before there is any.
    package let isNoiseSecure: Bool
    private var values: SecretBuffer<Int64>

    private init(
        values: consuming SecretBuffer<Int64>,
        certificate: SensitivityCertificate,
        noiseStandardDeviation: Double,
        isNoiseSecure: Bool
    ) {
        self.values = values
        self.certificate = certificate
        self.noiseStandardDeviation = noiseStandardDeviation
        self.isNoiseSecure = isNoiseSecure
    }

    /// The number of coordinates.
    package var count: Int { values.count }
}

extension Update where Phase == Clipped {
    /// Copies a clipped integer sum; erasing the original stays with its owner.
    ///
    /// - Parameters:
    ///   - values: the sum in grid units, `certificate.dimension` coordinates.
    ///   - certificate: what bounds the change of `values` when one unit of privacy joins or leaves.
    package init(copying values: Span<Int64>, certificate: SensitivityCertificate) {
        precondition(values.count == certificate.dimension, "the certificate is about as many coordinates")
        precondition(Ring.countRange.contains(values.count), "an update has 1 to 2^28 coordinates")
        self.init(
            values: SecretBuffer(copying: values),
            certificate: certificate,
            noiseStandardDeviation: 0,
            isNoiseSecure: false
        )
    }

    /// Takes a clipped integer sum over. The array's own storage is erased where the caller keeps no other reference.
    package init(values: consuming [Int64], certificate: SensitivityCertificate) {
        self.init(copying: values.span, certificate: certificate)
        erase(&values)
    }

    /// Adds the noise drawn before the data was touched, modulo 2^64 (which every ring's reduction makes exact).
    ///
    /// - Parameter noise: as many coordinates as the update has; it is used up.
    package consuming func noised(by noise: consuming NoiseShare) -> Update<Noised> {
        precondition(noise.count == count, "the noise has as many coordinates as the update")
        let certificate = certificate
        let standardDeviation = noise.standardDeviation
        let isSecure = noise.isSecure
        var sum = values
        sum.withMutableSpan { sum in
            noise.add(to: &sum)
        }
        return Update<Noised>(
            values: sum,
            certificate: certificate,
            noiseStandardDeviation: standardDeviation,
            isNoiseSecure: isSecure
        )
    }
}

extension Update where Phase == Noised {
    /// Reduces the values in the ring and encodes them, as the smaller of the codecs.
    package consuming func encoded(in ring: Ring) -> EncodedUpdate {
        var (codec, plaintext) = values.withSpan { UpdateEncoding.encode($0, in: ring) }
        defer { erase(&plaintext) }
        return EncodedUpdate(
            copying: plaintext,
            codec: codec,
            ring: ring,
            count: count,
            isNoiseSecure: isNoiseSecure
        )
    }
}
