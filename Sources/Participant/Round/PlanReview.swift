// SPDX-License-Identifier: Apache-2.0

package import Accounting
internal import Cryptography
package import Datasets
internal import Messages
package import Networks
internal import Noise
package import Rounds
package import Training
package import Updates

/// A plan that this device has understood and checked against its own data and limits.
package struct ReviewedPlan {
    package let plan: TaskPlan
    /// The plan as it came over the wire.
    package let planBytes: [UInt8]
    package let planHash: [UInt8]
    package let network: Network
    /// What it computes with.
    package let numerics: Numerics
    package let grid: CertifiedGrid
    package let clipping: ClippingPlan
    package let certificate: SensitivityCertificate
    package let ring: Ring
    package let memory: ShareMemory
    /// Examples whose work this device does in a training round, drawn or not.
    package let slots: Int
    /// The same in an evaluation round, of the held-out examples.
    package let heldOutSlots: Int

    /// The most bytes of a model file: its values and a header.
    package var modelLimit: Int { network.parameterCount * MemoryLayout<Float>.stride + 256 * 1024 }

    /// Reviews a plan's bytes.
    ///
    /// Nothing is taken from the server's word but the plan itself: the network, the grid, the certificate and the events
    /// are derived here.
    ///
    /// - Parameters:
    ///   - heldOut: what evaluation rounds use, if there is something; plans without such rounds do not look at it.
    ///   - baseBytes: what the process takes now, its data included.
    package init(
        bytes: [UInt8],
        hash: [UInt8],
        dataset: Dataset,
        heldOut: Dataset? = nil,
        memoryLimit: Int,
        workers: Int,
        baseBytes: Int
    ) throws(ParticipantError) {
        guard SHA256.hash(bytes) == hash else {
            throw .refused("plan: its bytes do not have the hash that the server signed")
        }
        do {
            plan = try Sotto_V1_Plan(wire: bytes, what: "plan").plan()
        } catch {
            throw .refused("\(error)")
        }
        planBytes = bytes
        planHash = hash
        let task = "task \(plan.task)"
        guard dataset.exampleShape == plan.model.inputShape, dataset.classes == plan.model.classes else {
            throw .input(
                "--data: has examples of shape \(dataset.exampleShape) in \(dataset.classes) classes; \(task) needs"
                    + " \(plan.model.inputShape) in \(plan.model.classes)"
            )
        }
        if plan.evaluation != nil, let heldOut {
            guard heldOut.exampleShape == plan.model.inputShape, heldOut.classes == plan.model.classes else {
                throw .input(
                    "--held-out: has examples of shape \(heldOut.exampleShape) in \(heldOut.classes) classes; \(task) needs"
                        + " \(plan.model.inputShape) in \(plan.model.classes)"
                )
            }
        }
        do {
            network = try Network.preset(
                plan.model.preset,
                input: Shape(plan.model.inputShape),
                classes: plan.model.classes
            )
            guard network.parameterCount == plan.model.parameters else {
                throw ParticipantError.refused(
                    "\(task): says \(plan.model.parameters) parameters; \(plan.model.preset) has \(network.parameterCount)"
                )
            }
            numerics = try Numerics(
                precision: plan.model.numbers.precision,
                storage: plan.model.numbers.storage,
                lossScaleExponent: plan.model.numbers.lossScaleExponent
            )
            grid = try CertifiedGrid(
                clip: plan.privacy.clipNorm,
                dimension: network.parameterCount,
                exponent: plan.privacy.gridExponent,
                bound: plan.privacy.bound
            )
            var options = ClippingPlan.Options()
            options.keepsBound = true
            options.numerics = numerics
            clipping = try ClippingPlan(
                ClippingMethod.named(plan.privacy.clippingMethod),
                network: network,
                grid: grid,
                options: options,
                examples: dataset.count
            )
            certificate = try clipping.certified()
            ring = try Ring(bits: plan.ringBits)
        } catch let error as ParticipantError {
            throw error
        } catch {
            throw .refused("\(task): \(error)")
        }
        guard certificate.bound <= plan.privacy.bound else {
            throw .refused(
                "\(task): the clipping method certifies \(certificate.bound) grid steps, the plan relies on less"
            )
        }
        slots = PaddedDraw.slots(examples: dataset.count, rate: plan.privacy.samplingRate)
        let heldOutCount = heldOut?.count ?? 0
        heldOutSlots =
            plan.evaluation.map {
                PaddedDraw.slots(examples: heldOutCount, rate: $0.samplingRate)
            } ?? 0
        memory = ShareMemory(
            slots: slots,
            heldOut: heldOutSlots > 0 ? (max(heldOutCount, heldOutSlots), numerics) : nil,
            network: network,
            clipping: clipping,
            ring: ring,
            baseBytes: baseBytes,
            workers: workers
        )
        guard memory.totalBytes <= memoryLimit else {
            throw .limit(
                "\(task): needs \(memory.totalBytes) bytes with \(workers) worker(s); --memory-limit allows \(memoryLimit)"
            )
        }
    }
}

/// The bytes of a client's round, item by item, known before the first example is read.
package struct ShareMemory: Sendable {
    package let items: [(name: String, bytes: Int)]

    package var totalBytes: Int { items.reduce(0) { $0 + $1.bytes } }

    /// Examples that memory is taken for; a larger draw takes more for its order.
    static func drawn(_ slots: Int) -> Int { max(1024, slots) }

    init(
        slots: Int,
        heldOut: (examples: Int, numerics: Numerics)?,
        network: Network,
        clipping: ClippingPlan,
        ring: Ring,
        baseBytes: Int,
        workers: Int
    ) {
        let count = network.parameterCount
        let evaluation = heldOut.map {
            HeldOutSum.plannedBytes(for: network, workers: workers, numerics: $0.numerics, examples: $0.examples)
        }
        items = [
            // Libraries, the data and the connection are there when a plan is reviewed.
            ("process with data", baseBytes),
            // Code of the compute and coding libraries that is first touched in a round.
            ("code", 8 << 20),
            // The downloaded file, the tensors and the vector that are read from it, and the buffer that is trained on.
            ("model", 5 * count * MemoryLayout<Float>.stride),
            (
                "gradients",
                GradientSummer.plannedBytes(
                    clipping,
                    workers: workers,
                    examples: Self.drawn(slots),
                    padsDraws: true
                )
            ),
            ("clipped sum", StepWorkspace.plannedBytes(shareOf: count)),
            ("noise share and update", 2 * count * MemoryLayout<Int64>.stride),
            // Byte planes, both codings, sealed bytes, message, stored copy and request may be alive at once.
            ("coding and upload", 8 * SealedUpdate.largestCiphertext(count: count, ring: ring)),
            ("threads", workers << 20),
            // Beside the buffers of training, which stay.
            ("evaluation", evaluation ?? 0),
        ]
    }
}
