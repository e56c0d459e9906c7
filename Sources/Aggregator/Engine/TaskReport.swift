// SPDX-License-Identifier: Apache-2.0

package import Accounting

/// What everybody may know of a task.
package struct TaskReport: Sendable, Codable, Equatable {
    package var task: String
    package var population: String
    package var status: String
    package var statusReason: String
    package var model: String
    package var parameters: Int
    /// Committed rounds.
    package var round: Int
    package var rounds: Int
    /// Attempts that were charged, abandoned and open ones included.
    package var attempts: Int
    package var cohort: Int
    package var fewestSurvivors: Int
    package var waitingClients: Int
    /// On the public evaluation data, after the last committed round.
    package var testAccuracy: Double?
    package var testLoss: Double?
    /// On what clients hold out; `nil` for a task without evaluation rounds.
    package var heldOut: HeldOutReport?
    /// Against the colluders: what the plan was made for. 0 before the first charge; `nil` where none can be stated.
    package var epsilon: Double?
    package var epsilonAgainst: PrivacyByAdversary
    /// What the plan allows after all rounds.
    package var plannedEpsilon: Double
    package var delta: Double
    package var deltaParts: DeltaParts?
    package var unit: String
    package var adjacency: String
    package var sampling: String
    package var accountant: String
    package var conversion: String
    package var assumptions: [String]
    package var noiseMultiplier: Double
    package var sensitivityInflation: Double
    package var bytesUpPerClientRound: Double
    package var bytesDownPerClientRound: Double
    package var secondsPerRound: Double
    package var serverPeakMiB: Double
    package var modelSHA256: String
    package var ledgerHead: String
    package var ledgerEntries: Int
    package var modelFolder: String
    package var database: String
}

/// What a server process has done since it started.
package struct ServiceReport: Sendable, Codable {
    package var requests: Int
    package var refusals: Int
    /// Bodies of all requests.
    package var bytesUp: Int
    /// Bodies of all answers.
    package var bytesDown: Int
    package var peakMiB: Double
}

/// An ε for each adversary; `nil` where none can be stated.
package struct PrivacyByAdversary: Sendable, Codable, Equatable {
    package var outsider: Double?
    package var client: Double?
    package var colluders: Double?
    package var server: Double?
    /// How many clients the colluders are.
    package var colluderCount: Int
}

/// What evaluation rounds told of clients' held-out examples, and what that was paid with.
package struct HeldOutReport: Sendable, Codable, Equatable {
    /// One committed evaluation round.
    package struct Line: Sendable, Codable, Equatable {
        package var round: Int
        /// The drawn examples as far as the noise lets it be told, and the standard deviation that the noise gives it.
        package var count: Double
        package var countError: Double
        /// `nil` where there are not enough examples to tell.
        package var accuracy: Double?
        package var accuracyError: Double?
        package var loss: Double?
        package var lossError: Double?
    }

    /// All committed evaluation rounds, in order.
    package var rounds: [Line]
    /// Attempts at evaluation rounds that were charged, abandoned and open ones included.
    package var attempts: Int
    /// Training rounds before each evaluation round.
    package var every: Int
    package var samplingRate: Double
    /// A larger loss counts as this, in nats.
    package var lossBound: Double
    /// L2 bound of one example's three integers.
    package var bound: Int64
    /// σ of each noise share, in the same steps.
    package var shareSigma: Double
    /// ε of the evaluation rounds alone. It is a part of the task's ε, not beside it.
    package var epsilonPaid: PrivacyByAdversary
}
