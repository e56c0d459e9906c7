// SPDX-License-Identifier: Apache-2.0

/// What a test asks of a task; the rest is the same everywhere: logistic regression on the digits, without evaluation.
struct Terms: Sendable {
    var name = "digits"
    var population = "people"
    var preset = "logistic"
    var rounds = 3
    var cohort = 3
    var fewestSurvivors = 3
    var overSelection = 1.0
    var colluders = 1
    var deadlineSeconds: UInt64 = 30
    var mostParticipations = 10_000_000
    var samplingRate = 0.05
    var epsilon = 8.0
    var evaluation = ""
    /// The lines of the section [evaluation], without which there is none.
    var heldOut = ""

    var toml: String {
        """
        [task]
        name = "\(name)"
        population = "\(population)"
        rounds = \(rounds)

        [model]
        preset = "\(preset)"

        [data]
        shape = [1, 8, 8]
        classes = 10
        examples = 1438
        evaluation = "\(evaluation)"

        [privacy]
        unit = "example"
        epsilon = \(epsilon)
        delta = 1e-5
        clip = 0.5
        sampling-rate = \(samplingRate)
        colluders = \(colluders)

        [round]
        cohort = \(cohort)
        fewest-survivors = \(fewestSurvivors)
        deadline-seconds = \(deadlineSeconds)
        over-selection = \(overSelection)
        upload-after-milliseconds = 0
        \(mostParticipations == 10_000_000 ? "" : "most-participations = \(mostParticipations)")

        [optimizer]
        kind = "sgd"
        learning-rate = 1.0
        momentum = 0.9
        \(heldOut.isEmpty ? "" : "[evaluation]\n" + heldOut)
        """
    }
}
