// SPDX-License-Identifier: Apache-2.0

import Plots
import TestKit
import Testing

@Suite struct GroupPlotTests {
    private func plot(_ kind: GroupPlot.Kind, _ values: [[GroupPlot.Value?]]) -> String {
        GroupPlot(
            "title <1>",
            label: "value & more",
            kind: kind,
            groups: values[0].indices.map { "group \($0)" },
            series: values.enumerated().map { GroupPlot.Series("series \($0.offset)", $0.element) }
        )
        .svg()
    }

    private func count(_ text: String, _ part: String) -> Int { text.split(separator: part).count - 1 }

    @Test func everyValueIsDrawnOnceAndWhatIsMissingIsNot() {
        let values: [[GroupPlot.Value?]] = [
            [GroupPlot.Value(0.9, low: 0.88, high: 0.93), nil, GroupPlot.Value(0.95)],
            [GroupPlot.Value(.nan), GroupPlot.Value(0.5), GroupPlot.Value(1)],
        ]
        let dots = plot(.dots, values)
        // Four dots and the legend's two; an interval is three lines.
        #expect(count(dots, "<circle") == 6 && count(dots, "whisker") == 3)
        let bars = plot(.bars, values)
        #expect(count(bars, "<rect") == 6 && count(bars, "<circle") == 0)
        for svg in [dots, bars] {
            #expect(malformation(of: svg) == nil && !svg.contains("nan"))
            #expect(svg.contains("group 2") && svg.contains("series 1") && svg.contains("value &amp; more"))
        }
    }

    @Test func barsBeginAtZeroAndDotsNearTheLeast() {
        let close: [[GroupPlot.Value?]] = [[GroupPlot.Value(0.95), GroupPlot.Value(0.96)]]
        #expect(plot(.bars, close).contains(">0</text>") && !plot(.dots, close).contains(">0</text>"))
        // One value alone, and none.
        #expect(malformation(of: plot(.dots, [[GroupPlot.Value(0.5)]])) == nil)
        #expect(malformation(of: plot(.dots, [[nil]])) == nil)
    }
}
