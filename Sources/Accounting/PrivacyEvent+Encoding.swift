// SPDX-License-Identifier: Apache-2.0

/// The canonical encoding of an event, hashed into the ledger: one tag byte, then the fields in order of declaration.
extension PrivacyEvent {
    /// Deeper nesting, or more parts in one composition, is refused when bytes are read.
    private static let maximumDepth = 8
    private static let maximumParts = 1 << 20

    package var canonicalEncoding: [UInt8] {
        var encoder = CanonicalEncoder()
        encode(into: &encoder)
        return encoder.bytes
    }

    package init(canonicalEncoding bytes: [UInt8]) throws(AccountingError) {
        var decoder = CanonicalDecoder(bytes)
        self = try PrivacyEvent(from: &decoder)
        try decoder.finish()
    }

    package func encode(into encoder: inout CanonicalEncoder) {
        switch self {
        case .gaussian(let noiseMultiplier):
            encoder.append(UInt8(1))
            encoder.append(noiseMultiplier)
        case .discreteGaussian(let sigma, let sensitivity):
            encoder.append(UInt8(2))
            encoder.append(sigma)
            encoder.append(sensitivity)
        case .sumOfDiscreteGaussians(let shares, let sigma, let sensitivity):
            encoder.append(UInt8(3))
            encoder.append(Int64(shares))
            encoder.append(sigma)
            encoder.append(sensitivity)
        case .poissonSampled(let rate, let event):
            encoder.append(UInt8(4))
            encoder.append(rate)
            event.encode(into: &encoder)
        case .composed(let parts):
            encoder.append(UInt8(5))
            encoder.append(UInt32(parts.count))
            for part in parts {
                encoder.append(Int64(part.count))
                part.event.encode(into: &encoder)
            }
        case .skellam(let variance, let l1, let l2):
            encoder.append(UInt8(6))
            encoder.append(variance)
            encoder.append(l1)
            encoder.append(l2)
        case .truncatedPoisson(let rate, let population, let capacity, let event):
            encoder.append(UInt8(7))
            encoder.append(rate)
            encoder.append(Int64(population))
            encoder.append(Int64(capacity))
            event.encode(into: &encoder)
        case .clientsThenExamples(let clientRate, let exampleRate, let event):
            encoder.append(UInt8(8))
            encoder.append(clientRate)
            encoder.append(exampleRate)
            event.encode(into: &encoder)
        case .boundedParticipation(let rounds, let participations, let separation, let event):
            encoder.append(UInt8(9))
            encoder.append(Int64(rounds))
            encoder.append(Int64(participations))
            encoder.append(Int64(separation))
            event.encode(into: &encoder)
        case .treeAggregation(let noiseMultiplier, let leaves):
            encoder.append(UInt8(10))
            encoder.append(noiseMultiplier)
            encoder.append(Int64(leaves))
        case .bandedMatrix(let noiseMultiplier, let iterations, let bands, let rate):
            encoder.append(UInt8(11))
            encoder.append(noiseMultiplier)
            encoder.append(Int64(iterations))
            encoder.append(Int64(bands))
            encoder.append(rate)
        }
    }

    package init(from decoder: inout CanonicalDecoder, depth: Int = 0) throws(AccountingError) {
        guard depth < PrivacyEvent.maximumDepth else { throw decoder.malformed("events nested too deeply") }
        switch try decoder.integer(UInt8.self) {
        case 1:
            self = .gaussian(noiseMultiplier: try decoder.double())
        case 2:
            self = .discreteGaussian(sigma: try decoder.double(), sensitivity: try decoder.double())
        case 3:
            self = .sumOfDiscreteGaussians(
                shares: Int(try decoder.integer(Int64.self)),
                sigma: try decoder.double(),
                sensitivity: try decoder.double()
            )
        case 4:
            let rate = try decoder.double()
            self = .poissonSampled(rate: rate, event: try PrivacyEvent(from: &decoder, depth: depth + 1))
        case 5:
            let count = Int(try decoder.integer(UInt32.self))
            guard count <= PrivacyEvent.maximumParts else { throw decoder.malformed("too many composed events") }
            var parts: [Repeated] = []
            for _ in 0..<count {
                let repetitions = Int(try decoder.integer(Int64.self))
                parts.append(Repeated(try PrivacyEvent(from: &decoder, depth: depth + 1), count: repetitions))
            }
            self = .composed(parts)
        case 6:
            self = .skellam(variance: try decoder.double(), l1: try decoder.double(), l2: try decoder.double())
        case 7:
            let rate = try decoder.double()
            let population = Int(try decoder.integer(Int64.self))
            let capacity = Int(try decoder.integer(Int64.self))
            let event = try PrivacyEvent(from: &decoder, depth: depth + 1)
            self = .truncatedPoisson(rate: rate, population: population, capacity: capacity, event: event)
        case 8:
            let clientRate = try decoder.double()
            let exampleRate = try decoder.double()
            let event = try PrivacyEvent(from: &decoder, depth: depth + 1)
            self = .clientsThenExamples(clientRate: clientRate, exampleRate: exampleRate, event: event)
        case 9:
            let rounds = Int(try decoder.integer(Int64.self))
            let participations = Int(try decoder.integer(Int64.self))
            let separation = Int(try decoder.integer(Int64.self))
            self = .boundedParticipation(
                rounds: rounds,
                participations: participations,
                minimumSeparation: separation,
                event: try PrivacyEvent(from: &decoder, depth: depth + 1)
            )
        case 10:
            self = .treeAggregation(
                noiseMultiplier: try decoder.double(),
                leaves: Int(try decoder.integer(Int64.self))
            )
        case 11:
            self = .bandedMatrix(
                noiseMultiplier: try decoder.double(),
                iterations: Int(try decoder.integer(Int64.self)),
                bands: Int(try decoder.integer(Int64.self)),
                rate: try decoder.double()
            )
        default:
            throw decoder.malformed("unknown event tag")
        }
    }
}
