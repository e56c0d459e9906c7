// SPDX-License-Identifier: Apache-2.0

internal import Cryptography
internal import Networks
internal import Rounds
internal import Store
internal import Updates

/// The attempt that is open for a task: the state machine, the key of the round and the running sum.
///
/// It is a copy of what the store holds; when the two may differ, it is thrown away and rebuilt from there.
final class OpenRound {
    let record: RoundRecord
    let privateKey: X25519PrivateKey
    var machine: ServerRound
    var sum: RunningSum
    var bytesUp: Int

    init(_ record: RoundRecord, runtime: TaskRuntime, keys: borrowing ServerKeys) throws {
        self.record = record
        privateKey = try X25519PrivateKey(
            bytes: keys.open(record.sealedPrivateKey, context: Self.keyContext(record.identifier))
        )
        machine = ServerRound(
            identifier: record.identifier,
            terms: runtime.plan.rounds,
            members: record.members,
            accepted: Dictionary(uniqueKeysWithValues: record.accepted.map { ($0.client, $0.bodyHash) }),
            closesAt: record.closesAt
        )
        bytesUp = record.accepted.reduce(0) { $0 + $1.bytesUp }
        let count = runtime.network.parameterCount
        if record.sealedSum.isEmpty {
            sum = try RunningSum(ring: runtime.ring, count: count)
        } else {
            let bytes = try keys.open(record.sealedSum, context: Self.sumContext(record.identifier))
            sum = try RunningSum(serialized: bytes, ring: runtime.ring, count: count)
        }
        guard sum.updates == machine.accepted.count else {
            throw AggregatorError.failure("\(record.identifier): its sum and its accepted updates differ in number")
        }
    }

    static func keyContext(_ round: RoundIdentifier) -> String { "round key of \(round)" }
    static func sumContext(_ round: RoundIdentifier) -> String { "running sum of \(round)" }
}
