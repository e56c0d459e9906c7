// SPDX-License-Identifier: Apache-2.0

import Accounting
import TestKit
import Testing

@Suite struct PrivacyEventTests {
    private static let events: [PrivacyEvent] = [
        .gaussian(noiseMultiplier: 1.5),
        .discreteGaussian(sigma: 640, sensitivity: 1000),
        .sumOfDiscreteGaussians(shares: 8, sigma: 640, sensitivity: 1000),
        .poissonSampled(rate: 0.25, event: .gaussian(noiseMultiplier: 1)),
        .composed([]),
        .composed([
            .init(.poissonSampled(rate: 0.25, event: .discreteGaussian(sigma: 64, sensitivity: 3)), count: 12),
            .init(.gaussian(noiseMultiplier: 2), count: 1),
        ]),
    ]

    @Test(arguments: events)
    func encodingsAreReadBack(event: PrivacyEvent) throws {
        let encoding = event.canonicalEncoding
        #expect(try PrivacyEvent(canonicalEncoding: encoding) == event)
        for length in 0..<encoding.count {
            #expect(throws: AccountingError.self) {
                try PrivacyEvent(canonicalEncoding: Array(encoding.prefix(length)))
            }
        }
        #expect(throws: AccountingError.self) { try PrivacyEvent(canonicalEncoding: encoding + [0]) }
    }

    @Test func theEncodingIsTheDocumentedOne() {
        let event = PrivacyEvent.poissonSampled(
            rate: 0.25,
            event: .sumOfDiscreteGaussians(shares: 8, sigma: 640, sensitivity: 1000)
        )
        #expect(
            event.canonicalEncoding
                == bytes(hex: "043fd0000000000000" + "030000000000000008" + "4084000000000000" + "408f400000000000")
        )
    }

    @Test func hostileEncodingsAreRefused() {
        let nestedSampling: [UInt8] = [4, 0x3f, 0xd0, 0, 0, 0, 0, 0, 0]
        let deep = [[UInt8]](repeating: nestedSampling, count: 10_000).flatMap { $0 }
        let hostile: [[UInt8]] = [
            deep,
            [5, 0xff, 0xff, 0xff, 0xff],
            [1, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
            [1, 0x80, 0, 0, 0, 0, 0, 0, 0],
            [0], [6], [],
        ]
        for encoding in hostile {
            #expect(throws: AccountingError.self) { try PrivacyEvent(canonicalEncoding: encoding) }
        }
    }

    @Test func certificatesAreReadBackAndChecked() throws {
        func certificate(bound: Int64, inflation: Double) -> SensitivityCertificate {
            SensitivityCertificate(
                method: "per-example",
                bound: bound,
                gridExponent: -3,
                dimension: 10,
                inflation: inflation,
                derivation: "integer clip",
                environment: "OpenBLAS"
            )
        }
        for (bound, inflation, isValid) in [(7, 1.0, true), (0, 1.0, false), (7, 0.0, false)] as [(Int64, Double, Bool)]
        {
            var encoder = CanonicalEncoder()
            certificate(bound: bound, inflation: inflation).encode(into: &encoder)
            var decoder = CanonicalDecoder(encoder.bytes)
            if isValid {
                let read = try SensitivityCertificate(from: &decoder)
                #expect(read == certificate(bound: bound, inflation: inflation) && decoder.isAtEnd)
            } else {
                #expect(throws: AccountingError.self) { try SensitivityCertificate(from: &decoder) }
            }
        }
    }

    @Test func eventsAreDescribed() {
        #expect(
            PrivacyEventTests.events[5].description
                == "12 x Poisson sampling (rate 0.25) of discrete Gaussian (sigma 64.0, sensitivity 3.0 grid units)"
                + " + 1 x Gaussian (noise multiplier 2.0)"
        )
        #expect(PrivacyEventTests.events[4].description == "no release")
    }
}
