// SPDX-License-Identifier: Apache-2.0

import Messages
import Randomness
import Rounds
import TestKit
import Testing

@Suite("Plans on the wire")
struct PlanCodingTests {
    @Test("Every valid plan comes back as it was")
    func roundTrip() throws {
        var stream = InsecureTestStream(seed: 3)
        for _ in 0..<2000 {
            let plan = try Samples.plan(from: &stream)
            let bytes = Sotto_V1_Plan(plan).wireBytes()
            #expect(bytes.count <= WireLimits.smallMessage)
            #expect(try Sotto_V1_Plan(wire: bytes, what: "plan").plan() == plan)
        }
    }

    /// Encoded by Google's protoc 3.21 from the fields of `Samples.plan()` in text format.
    @Test("The bytes are those of another implementation of the schema")
    func otherImplementation() throws {
        let bytes = try fixture("messages/plan.pb")
        #expect(try Sotto_V1_Plan(wire: bytes, what: "plan").plan() == Samples.plan())
        #expect(Sotto_V1_Plan(try Samples.plan()).wireBytes() == bytes)
    }

    @Test("A plan says its numbers only where they are not floats, so that older plans keep their hash")
    func numbers() throws {
        let plain = Sotto_V1_Plan(try Samples.plan())
        #expect(plain.model.precision.isEmpty && plain.model.storage.isEmpty && plain.model.lossScaleExponent == 0)
        var said = plain
        said.model.precision = "bf16"
        said.model.storage = "fp16"
        said.model.lossScaleExponent = 8
        let numbers = try said.plan().model.numbers
        #expect(numbers == NumberTerms(precision: "bf16", storage: "fp16", lossScaleExponent: 8))
        #expect(Sotto_V1_Plan(try said.plan()) == said && said.wireBytes() != plain.wireBytes())
    }

    @Test("Stages that are as they always were are not written, so that older plans keep their hash")
    func stages() throws {
        let plain = try Samples.plan().rounds
        #expect(plain.mostMembers == plain.cohort && plain.selectionSeconds == plain.deadlineSeconds)
        #expect(plain.configurationSeconds == plain.deadlineSeconds && plain.uploadAfterMilliseconds == 0)
        #expect(plain.mostParticipations == .max && plain.leastSeparation == 1)
        let message = Sotto_V1_Plan(try Samples.plan()).rounds
        #expect(message.mostMembers == 0 && message.selectionSeconds == 0 && message.configurationSeconds == 0)
        #expect(message.mostParticipations == 0 && message.leastSeparation == 0)
    }

    @Test("A plan with evaluation rounds has another version, which older clients refuse; one without keeps its bytes")
    func evaluation() throws {
        let plain = Sotto_V1_Plan(try Samples.plan())
        #expect(plain.version == 1 && !plain.hasEvaluation)
        var said = plain
        said.version = 2
        said.evaluation.every = 3
        said.evaluation.samplingRate = 0.25
        said.evaluation.lossBound = 4.5
        said.evaluation.bound = 1000
        said.evaluation.noiseMultiple = 7
        let plan = try said.plan()
        #expect(plan.rounds.evaluationEvery == 3)
        #expect(
            plan.evaluation == EvaluationTerms(samplingRate: 0.25, lossBound: 4.5, bound: 1000, noiseMultiple: 7)
        )
        #expect(Sotto_V1_Plan(plan) == said)
        said.version = 1
        #expect(throws: WireError.self) { try said.plan() }
    }

    /// One change of a valid message and a word of the refusal.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let word: String
        let change: @Sendable (inout Sotto_V1_Plan) -> Void

        init(_ word: String, _ change: @escaping @Sendable (inout Sotto_V1_Plan) -> Void) {
            self.word = word
            self.change = change
        }

        var testDescription: String { word }
    }

    static let refusals = [
        Refusal("version 0") { $0.version = 0 },
        Refusal("version 2") { $0.version = 2 },
        Refusal("version 3") { $0.version = 3 },
        Refusal("version 1 with evaluation") { $0.evaluation.every = 3 },
        Refusal("evaluation.every") {
            $0.version = 2
            $0.evaluation = .init()
        },
        Refusal("beyond 2^63") {
            $0.version = 2
            $0.evaluation.every = 3
            $0.evaluation.bound = 1 << 63
        },
        Refusal("unit 'user'") { $0.privacy.unit = "user" },
        Refusal("unit ''") { $0.privacy.unit = "" },
        Refusal("adjacency 'replace-one'") { $0.privacy.adjacency = "replace-one" },
        Refusal("adjacency ''") { $0.privacy.adjacency = "" },
        Refusal("beyond 2^63") { $0.privacy.bound = 1 << 63 },
        Refusal("beyond 2^63") { $0.model.parameters = .max },
        Refusal("task.name") { $0.task = "../etc" },
        Refusal("task.population") { $0.population = "" },
        Refusal("model.preset") { $0.model.preset = "" },
        Refusal("data.shape") { $0.model.inputShape = [] },
        Refusal("data.shape") { $0.model.inputShape = [.max] },
        Refusal("data.classes") { $0.model.classes = .max },
        Refusal("model") { $0.model.parameters = 0 },
        Refusal("model.precision") { $0.model.precision = "fp8" },
        Refusal("model.precision: is too long") { $0.model.precision = String(repeating: "f", count: 1000) },
        Refusal("model.storage") { $0.model.storage = "tf32" },
        Refusal("model.loss-scale") { $0.model.lossScaleExponent = 25 },
        Refusal("task.rounds") { $0.rounds.rounds = .max },
        Refusal("round.cohort") { $0.rounds.cohort = .max },
        Refusal("round.fewest-survivors") { $0.rounds.fewestSurvivors = .max },
        Refusal("round.deadline-seconds") { $0.rounds.deadlineSeconds = 0 },
        Refusal("round.over-selection") { $0.rounds.mostMembers = 9 },
        Refusal("round.selection-seconds") { $0.rounds.selectionSeconds = .max },
        Refusal("round.configuration-seconds") { $0.rounds.configurationSeconds = 86_401 },
        Refusal("round.upload-after-milliseconds") { $0.rounds.uploadAfterMilliseconds = .max },
        Refusal("round.most-participations") { $0.rounds.mostParticipations = .max },
        Refusal("round.least-separation") { $0.rounds.leastSeparation = .max },
        Refusal("privacy.sampling-rate") { $0.privacy.samplingRate = .nan },
        Refusal("privacy.epsilon") { $0.privacy.targetEpsilon = .infinity },
        Refusal("privacy.delta") { $0.privacy.delta = 1 },
        Refusal("privacy.clip") { $0.privacy.clipNorm = .nan },
        Refusal("privacy.grid-exponent") { $0.privacy.gridExponent = .min },
        Refusal("privacy.bound") { $0.privacy.bound = 0 },
        Refusal("privacy.bound") { $0.privacy.bound = (1 << 63) - 1 },
        Refusal("privacy.noise-multiple") { $0.privacy.noiseMultiple = .max },
        Refusal("privacy.colluders") { $0.privacy.colluders = .max },
        Refusal("optimizer.kind") { $0.optimizer.kind = "adam" },
        Refusal("optimizer.learning-rate") { $0.optimizer.learningRate = -1 },
        Refusal("optimizer.momentum") { $0.optimizer.momentum = 1 },
        Refusal("data.examples") { $0.optimizer.normaliser = 0 },
        Refusal("update.ring-bits") { $0.coding.ringBits = 64 },
    ]

    @Test("A field that a plan may not have is refused in one line that names it", arguments: refusals)
    func refused(_ refusal: Refusal) throws {
        var message = Sotto_V1_Plan(try Samples.plan())
        refusal.change(&message)
        let read = try Sotto_V1_Plan(wire: message.wireBytes(), what: "plan")
        let error = #expect(throws: WireError.self) { try read.plan() }
        #expect(error?.description.hasPrefix("plan: ") == true)
        #expect(error?.description.contains(refusal.word) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("\n") == false)
    }

    @Test("A plan that is cut anywhere is refused")
    func truncated() throws {
        let whole = Sotto_V1_Plan(try Samples.plan()).wireBytes()
        for count in 0..<whole.count {
            #expect(throws: WireError.self, "\(count) of \(whole.count) bytes") {
                try Sotto_V1_Plan(wire: Array(whole.prefix(count)), what: "plan").plan()
            }
        }
    }

    @Test("A damaged plan is refused or is another plan that obeys every rule")
    func damaged() throws {
        let plan = try Samples.plan()
        let whole = Sotto_V1_Plan(plan).wireBytes()
        var stream = InsecureTestStream(seed: 4)
        var (read, refused) = (0, 0)
        for _ in 0..<LongTests.scaled(5000) {
            var bytes = whole
            for _ in 0...stream.uniform(below: 3) {
                bytes[Int(stream.uniform(below: UInt64(bytes.count)))] = UInt8(stream.uniform(below: 256))
            }
            do {
                let other = try Sotto_V1_Plan(wire: bytes, what: "plan").plan()
                #expect(try Sotto_V1_Plan(wire: Sotto_V1_Plan(other).wireBytes(), what: "plan").plan() == other)
                read += 1
            } catch {
                refused += 1
            }
        }
        #expect(read > 100 && refused > 1000)
    }
}
