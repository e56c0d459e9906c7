// SPDX-License-Identifier: Apache-2.0

import Accounting
import Datasets
import FoundationEssentials
import Networks
import Testing
import Training

@Suite struct PrivacyStatementTests {
    @Test func statementReadsBackAsItself() throws {
        let bench = try Bench()
        let plan = try CentralPlan(
            CentralConfiguration(
                network: bench.network,
                clip: 1,
                noise: .multiplier(2),
                batch: 100,
                epochs: 1,
                learningRate: 1,
                delta: 1e-5
            ),
            examples: bench.train.count
        )
        let file = try ModelFile(
            network: bench.network,
            parameters: bench.parameters.elements,
            claims: [plan.claim],
            events: [.outsider: [PrivacyEvent.Repeated(plan.event, count: plan.steps)]],
            certificates: [plan.certificate],
            binaryHash: [UInt8](repeating: 0xAB, count: 32)
        )
        let bytes = try file.statement.fileBytes()
        let read = try JSONDecoder().decode(PrivacyStatement.self, from: Data(bytes))
        #expect(read == file.statement)
        #expect(read.epsilonAgainst.outsider == plan.claim.epsilon)
        #expect(read.epsilonAgainst.server == nil)
        #expect(read.binarySHA256 == String(repeating: "ab", count: 32))
        #expect(String(decoding: bytes, as: UTF8.self).contains("\"ledgerHead\": null"))

        let tensors = try Safetensors.decode(file.model)
        #expect(tensors.flatMap(\.values) == bench.parameters.elements)
    }

    /// A dictionary's order differs from process to process; a file's must not.
    @Test func adversariesAreWrittenInTheirOrder() throws {
        let adversaries = [.outsider, .client] + (1...9).map { Adversary.colluders($0) } + [.server]
        let events = [PrivacyEvent.Repeated(.gaussian(noiseMultiplier: 1), count: 1)]
        let ordered = OrderedByAdversary(
            wrappedValue: Dictionary(uniqueKeysWithValues: adversaries.map { ($0, events) })
        )
        let text = try JSONText.encode(ordered)
        let places = try adversaries.map { try #require(text.firstRange(of: "\"\($0)\"")).lowerBound }
        #expect(places == places.sorted())
        let read = try JSONDecoder().decode(OrderedByAdversary<[PrivacyEvent.Repeated]>.self, from: Data(text.utf8))
        #expect(read == ordered)
    }

    @Test func modelOfAnotherNetworkIsRefused() throws {
        let bench = try Bench()
        #expect(throws: TrainingError.lengthMismatch(what: "model parameters", found: 1, expected: 650)) {
            try ModelFile(network: bench.network, parameters: [1], claims: [], events: [:], certificates: [])
        }
    }

    private struct Sample: Codable, Equatable {
        var text = "a\"b\\c\n\u{1}\u{E9}"
        var numbers = [0, 1e-5, -2.5, 1e300, 0.1 + 0.2, .leastNonzeroMagnitude]
        var whole = Int64.min
        var yes = true
        var missing: Int?
        var nested = ["key": [Float(0.1)]]
        var empty: [Int] = []
    }

    @Test(arguments: [true, false])
    func jsonIsWhatFoundationReads(_ pretty: Bool) throws {
        let text = try JSONText.encode(Sample(), pretty: pretty)
        #expect(try JSONDecoder().decode(Sample.self, from: Data(text.utf8)) == Sample())
        #expect(text.contains("\n") == pretty)
        #expect(text.contains("null"))
        #expect(text.hasPrefix(pretty ? "{\n  \"text\": " : "{\"text\":"))
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func jsonRefusesWhatIsNoNumber(_ value: Double) {
        #expect(throws: TrainingError.notRepresentable(field: "a")) { try JSONText.encode(["a": value]) }
    }
}
