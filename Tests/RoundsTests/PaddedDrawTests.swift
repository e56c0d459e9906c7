// SPDX-License-Identifier: Apache-2.0

import Accounting
import Glibc
import Rounds
import Testing

@Suite("Draws that work is padded to")
struct PaddedDrawTests {
    /// P(Bin(n, q) ≥ s) by adding one coin after another: sums of positive products, so that every value has a relative error of
    /// at most 3n roundings.
    static func tail(_ count: Int, _ rate: Double, from slots: Int) -> Double {
        var masses = [1.0]
        for _ in 0..<count {
            var next = [Double](repeating: 0, count: masses.count + 1)
            for (drawn, mass) in masses.enumerated() {
                next[drawn] += mass * (1 - rate)
                next[drawn + 1] += mass * rate
            }
            masses = next
        }
        return masses.dropFirst(slots).reversed().reduce(0, +)
    }

    @Test("A larger draw has at most the probability that delta is charged for, and not vastly less")
    func tails() {
        for count in [1, 2, 5, 8, 9, 30, 100, 180, 256, 257, 700, 1500] {
            for rate in [0x1p-30, 0.001, 0.01, 0.05, 0.3, 0.5, 0.9, 0.999] {
                let slots = PaddedDraw.slots(examples: count, rate: rate)
                let examples = PaddedDraw.roundedUp(count)
                let mean = Double(examples) * rate
                let usual = mean + 8 * (mean * (1 - rate)).squareRoot()
                #expect(slots <= examples)
                #expect(slots == examples || Double(slots) >= usual)
                // What others than any one example draw, even of the rounded number.
                let tail = Self.tail(examples - 1, rate, from: slots) * (1 - 1e-11)
                #expect(tail <= 0x1p-64, "\(count) \(rate)")
                if slots > Int(usual) + 2, slots < examples {
                    // Hoeffding's bound is off by a factor of about √n, and by one example's where n is small.
                    #expect(Self.tail(examples, rate, from: slots - 1) > 0x1p-74, "\(count) \(rate)")
                }
            }
        }
    }

    /// The same by logarithms of factorials, for more examples than coins can be added for.
    @Test("The bound holds for many examples", arguments: [60_000, 1 << 24, 1 << 31])
    func many(count: Int) {
        for rate in [1e-6, 1e-3, 0.01, 0.25] {
            let slots = PaddedDraw.slots(examples: count, rate: rate)
            let n = Double(PaddedDraw.roundedUp(count))
            let s = Double(slots)
            let first = lgamma(n + 1) - lgamma(s + 1) - lgamma(n - s + 1) + s * log(rate) + (n - s) * log1p(-rate)
            // The masses fall at least geometrically behind s.
            let ratio = (n - s) / (s + 1) * rate / (1 - rate)
            let tail = first - log(1 - ratio)
            #expect(tail <= -64 * log(2) + 1e-3, "\(count) \(rate)")
            #expect(tail > -64 * log(2) - 12)
        }
    }

    @Test("Numbers are rounded up to three binary digits, so that neighbours nearly always get the same work")
    func rounding() {
        for count in 0...4096 {
            let rounded = PaddedDraw.roundedUp(count)
            #expect(rounded >= count && Double(rounded) <= 1.25 * Double(count))
            #expect(rounded == 0 || (rounded >> rounded.trailingZeroBitCount) < 8)
            // None between them has as few digits.
            #expect((count..<rounded).allSatisfy { ($0 >> $0.trailingZeroBitCount) >= 8 })
        }
        #expect(PaddedDraw.slots(examples: 0, rate: 0.5) == 0)
        #expect(PaddedDraw.slots(examples: 100, rate: 1) == 112)
        #expect(PaddedDraw.slots(examples: 1 << 53, rate: 0x1p-32) > 1 << 21)
    }

    @Test("Every draw by coins, and nothing else, is an item of delta")
    func items() throws {
        let noise = PrivacyEvent.discreteGaussian(sigma: 6400, sensitivity: 1)
        let sampled = PrivacyEvent.poissonSampled(rate: 0.1, event: noise)
        let event = PrivacyEvent.composed([
            .init(sampled, count: 5), .init(noise, count: 7),
            .init(.composed([.init(sampled, count: 3)]), count: 2),
        ])
        #expect(DeltaShares.draw(of: event) == 11 * 0x1p-64)
        #expect(DeltaShares.draw(of: noise) == 0)
        let parts = try #require(try DeltaShares.parts(of: 1e-6, epsilon: 1, event: event, dimension: 10))
        #expect(parts.draw == 11 * 0x1p-64 && parts.total <= 1e-6)
        // Where the item does not fit, nothing is claimed. Ideal noise has no item of its own.
        let ideal = PrivacyEvent.poissonSampled(rate: 0.1, event: .gaussian(noiseMultiplier: 1))
        let many = PrivacyEvent.composed([.init(ideal, count: 1 << 20)])
        #expect(try DeltaShares.parts(of: 0x1p-33, epsilon: 0.1, event: many, dimension: 1) == nil)
        #expect(try DeltaShares.parts(of: 0x1p-32, epsilon: 0.1, event: many, dimension: 1)?.draw == 0x1p-44)
    }

    @Test("Claims name the time that is still assumed, and carry the item")
    func claims() throws {
        let plan = try PlanDraft().plan()
        for claim in try plan.claims(rounds: 40) {
            #expect(claim.deltaParts.draw == 40 * 0x1p-64)
            #expect(claim.assumptions.contains { $0.contains("leaves at planned times") })
        }
        let timeless = try PlanDraft().with { $0.uploadAfterMilliseconds = 0 }.plan()
        for claim in try timeless.claims(rounds: 40) {
            #expect(claim.assumptions.contains { $0.contains("how long a device computes") })
        }
    }
}
