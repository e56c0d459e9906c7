// SPDX-License-Identifier: Apache-2.0

import Accounting
import Networks
import Store
import Testing

@Suite("Federated equals central", .timeLimit(.minutes(2)))
struct CentralEquivalenceTests {
    @Test(
        "With noise off every round's model is that of central training on the same draws, to the last bit",
        arguments: [("logistic", 2), ("logistic", 5), ("mlp", 2)]
    )
    func equal(preset: String, devices count: Int) async throws {
        var terms = Terms(preset: preset)
        terms.cohort = count
        terms.fewestSurvivors = count
        terms.rounds = preset == "logistic" ? 5 : 2
        let world = try await World(terms)
        try await world.run((1...count).map { try Device(world, index: $0, of: count) })

        var central = try CentralRun(world.plan(), parts: count)
        let spent = try world.ledger().entries.filter { $0.charge.kind == .spent }
        #expect(spent.count == terms.rounds)
        for (index, entry) in spent.enumerated() {
            #expect(entry.charge.modelHashBefore == central.modelHash)
            try central.step(round: index + 1, devices: Array(1...count))
            #expect(entry.charge.modelHashAfter == central.modelHash)
        }
        #expect(central.examples > terms.rounds)
        let task = try world.task()
        #expect(task.status == .finished && task.round == terms.rounds)
        #expect(try world.stored { try $0.blob(task.modelHash) } == central.model)
    }
}
