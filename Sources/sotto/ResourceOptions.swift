// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandLineKit

/// What of the machine a run may take.
struct ResourceOptions: ParsableArguments {
    @Option(help: "Threads that compute; by default one for each processor.")
    var workers: Int?

    @Option(help: "Bytes for the run, beyond the process and its data, for example 256MiB.")
    var memoryLimit: ByteSize?

    @Option(help: "The most examples in work at one time; by default what suits the network.")
    var physicalBatch: Int?

    func validate() throws {
        if let physicalBatch, !(1...1 << 24).contains(physicalBatch) {
            throw ValidationError("--physical-batch: 1 to 2^24 examples")
        }
    }
}
