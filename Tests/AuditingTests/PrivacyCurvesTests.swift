// SPDX-License-Identifier: Apache-2.0

import Accounting
import Auditing
import Testing

@Suite struct PrivacyCurvesTests {
    private func curves(_ release: PrivacyCurves.Release) throws -> (PrivacyCurves, AccountedEpsilon) {
        let accounted = try Accountant.least(of: release.whole, delta: 1e-5)
        return (PrivacyCurves(release, delta: 1e-5, epsilon: accounted.epsilon), accounted)
    }

    @Test func everyCurveGoesThroughTheClaim() throws {
        let release = PrivacyCurves.Release(count: 500) { Samples.step(rate: 0.01).selfComposed($0) }
        let (curves, accounted) = try curves(release)
        #expect(accounted.accountant == .pld)
        let spend = try #require(curves.spend().first { $0.accountant == .pld })
        #expect(spend.points.first?.x == 1)
        #expect(spend.points.last == PrivacyCurves.Point(x: 500, y: accounted.epsilon))
        let trade = try #require(curves.trade().first { $0.accountant == .pld })
        let middle = try #require(trade.points.first { $0.x == accounted.epsilon })
        // Both are bounds up to the grid's error, each on a grid of its own.
        #expect(abs(middle.y - 1e-5) < 5e-7)
        let noise = try #require(curves.noise().first { $0.accountant == .pld })
        #expect(noise.points.first { $0.x == 1 }?.y == accounted.epsilon)
    }

    @Test func curvesGoTheWayTheyMust() throws {
        let (curves, _) = try curves(PrivacyCurves.Release(count: 200) { Samples.step(rate: 0.05).selfComposed($0) })
        for curve in curves.spend() {
            #expect(zip(curve.points, curve.points.dropFirst()).allSatisfy { $0.x <= $1.x && $0.y <= $1.y })
        }
        for curve in curves.trade() + curves.noise() {
            #expect(curve.points.count > 10)
            #expect(zip(curve.points, curve.points.dropFirst()).allSatisfy { $0.x < $1.x && $0.y >= $1.y })
        }
    }

    @Test func zCDPIsLeftOutWhereSamplingMatters() throws {
        let sampled = try curves(PrivacyCurves.Release(count: 100) { Samples.step(rate: 0.01).selfComposed($0) }).0
        #expect(sampled.spend().map(\.accountant) == [.pld, .rdp])
        let whole = try curves(PrivacyCurves.Release(count: 3) { .gaussian(noiseMultiplier: 4).selfComposed($0) }).0
        #expect(whole.spend().map(\.accountant) == [.pld, .rdp, .zcdp])
        #expect(whole.spend()[0].points.map(\.x) == [1, 2, 3])
    }

    @Test func partsThatDifferComeInTheirOrder() {
        let (one, two) = (Samples.step(rate: 0.1), Samples.step(rate: 0.2))
        let release = PrivacyCurves.Release([.init(one, count: 3), .init(two, count: 2)])
        #expect(release.count == 5)
        #expect(release.first(2) == .composed([.init(one, count: 2)]))
        #expect(release.first(4) == .composed([.init(one, count: 3), .init(two, count: 1)]))
    }
}
