// SPDX-License-Identifier: Apache-2.0

/// What the owner of a device decides.
public struct ParticipantConfiguration: Sendable {
    /// The server to take part in the tasks of.
    public var server: ServerAddress
    /// The invite; needed once, before the first run with this state folder.
    public var invite: String?
    /// A PEM file with the certificates that the server's must be among, or come from; `nil` for the system's.
    public var serverCertificate: String?
    /// The private data, for example `digits:3/8`, `idx:DIR` or `cifar10:DIR`.
    public var data: String
    /// Private examples apart from ``data``, on which models are evaluated in rounds that tell it with noise, for example
    /// `digits-test:3/8`; `nil` where there are none: then such rounds get this device's noise alone.
    public var heldOut: String?
    /// Folder for keys, ledger and unfinished rounds. One folder is one participant of one server.
    public var stateFolder: String
    /// The key that the state folder is encrypted under.
    public var deviceKey = DeviceKeySource.stateFolder
    /// Shell commands that must all succeed before this device asks for work, and again before it computes.
    public var conditions: [String] = []
    /// The most bytes that the process may take.
    public var memoryLimit: Int
    /// The most ε that all tasks together may cost against everybody but the server.
    public var maximumEpsilon: Double
    /// The most ε that all tasks together may cost against the server; infinite where the owner trusts the server.
    public var maximumEpsilonAgainstServer: Double
    /// The δ at which both limits hold.
    public var delta: Double
    /// Threads that compute.
    public var workers: Int
    /// Go on waiting for new tasks when all are finished.
    public var staysWhenFinished: Bool

    public init(
        server: ServerAddress,
        invite: String?,
        data: String,
        stateFolder: String,
        memoryLimit: Int,
        maximumEpsilon: Double,
        maximumEpsilonAgainstServer: Double,
        delta: Double = 1e-5,
        workers: Int = 1,
        staysWhenFinished: Bool = false,
        serverCertificate: String? = nil
    ) {
        self.server = server
        self.invite = invite
        self.data = data
        self.stateFolder = stateFolder
        self.memoryLimit = memoryLimit
        self.maximumEpsilon = maximumEpsilon
        self.maximumEpsilonAgainstServer = maximumEpsilonAgainstServer
        self.delta = delta
        self.workers = workers
        self.staysWhenFinished = staysWhenFinished
        self.serverCertificate = serverCertificate
    }
}

/// What a client can tell its owner at the end.
public struct ParticipantReport: Sendable, Codable {
    /// Rounds for which a receipt is held, of this run.
    public var rounds = 0
    /// Rounds of this run that were given up.
    public var dropped = 0
    public var bytesUp = 0
    public var bytesDown = 0
    /// The whole ledger: what this device has spent at ``delta``, over all runs and tasks.
    public var epsilonAgainst: [String: Double] = [:]
    public var delta = 0.0
    /// Attempts in the ledger.
    public var ledgerEntries = 0
    public var planMiB = 0.0
    public var peakMiB = 0.0
}
