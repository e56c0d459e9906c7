// SPDX-License-Identifier: Apache-2.0

import Plots
import TestKit
import Testing

@Suite struct LinePlotTests {
    private func plot(
        _ points: [(Double, Double)],
        x: PlotAxis.Scale = .linear,
        y: PlotAxis.Scale = .linear,
        name: String = "line"
    ) -> LinePlot {
        let line = LinePlot.Series(name, points.map { LinePlot.Point(x: $0.0, y: $0.1) })
        return LinePlot("title", x: PlotAxis("x", scale: x), y: PlotAxis("y", scale: y), series: [line])
    }

    /// The texts of an axis' numbers, in the order in which they are drawn.
    private func texts(_ svg: String) -> [String] {
        svg.split(separator: "<text").dropFirst().compactMap { part in
            part.split(separator: ">").dropFirst().first.map { String($0.prefix { $0 != "<" }) }
        }
    }

    @Test func numbersOnAxesAreRoundAndCoverTheValues() {
        #expect(Array(texts(plot([(1, 0.31), (3000, 3.2)]).svg()).prefix(5)) == ["0", "1", "2", "3", "4"])
        #expect(texts(plot([(0, 0), (20_000, 0.04)]).svg()).contains("20\u{202F}000"))
        #expect(Array(texts(plot([(0, 0), (1, 0.04)]).svg()).prefix(5)) == ["0", "0.01", "0.02", "0.03", "0.04"])
        #expect(texts(plot([(0, -2), (1, 2)]).svg()).contains("−2"))
        let decades = texts(plot([(0, 1e-12), (1, 1)], y: .logarithmic).svg())
        #expect(decades.contains("10⁻¹²") && decades.contains("0.01"))
        #expect(texts(plot([(0, 0.5), (1, 4)], y: .logarithmic).svg()).prefix(3) == ["0.5", "0.6", "0.7"])
    }

    @Test func whatAnAxisCannotShowLeavesAGap() {
        let gap = plot([(1, 1), (2, 2), (3, 0), (4, 4), (5, 5), (6, .nan), (7, 7)], y: .logarithmic).svg()
        #expect(gap.components(of: "<polyline") == 2)
        #expect(gap.components(of: "<circle") == 1)
        #expect(!gap.contains("nan") && !gap.contains("inf"))
    }

    @Test(arguments: [
        [], [(1.0, 1.0)], [(0, 0), (0, 0)], [(1, .infinity)], [(-1, -1), (1e-300, 1e300)],
        [(5, 5), (5, 5.000_000_000_1)],
    ])
    func strangeValuesAreDrawnOrLeftOut(_ points: [(Double, Double)]) {
        for scale in [PlotAxis.Scale.linear, .logarithmic] {
            let svg = plot(points, x: scale, y: scale).svg()
            #expect(malformation(of: svg) == nil)
            #expect(!svg.contains("nan") && !svg.contains("inf"))
        }
    }

    @Test func textIsNotMarkup() {
        let svg = plot([(0, 0), (1, 1)], name: "<b a=\"1\">&'\u{1}").svg()
        #expect(svg.contains("&lt;b a=&quot;1&quot;&gt;&amp;&#39;\u{FFFD}"))
        #expect(malformation(of: svg) == nil)
    }

    @Test func linesAreToldApartByDashesToo() {
        let series = (0..<4).map { LinePlot.Series("line \($0)", [.init(x: 0, y: 0), .init(x: 1, y: 1)]) }
        let svg = LinePlot("title", x: PlotAxis("x"), y: PlotAxis("y"), series: series).svg()
        for index in 0..<LinePlot.styles {
            #expect(svg.contains("line\(index)") && LinePlot.style.contains(".line\(index) {"))
        }
        #expect(LinePlot.style.components(of: "stroke-dasharray") == LinePlot.styles - 1)
    }

    @Test func pageIsOneFileThatNeedsNothingElse() {
        var page = ReportPage("A & B")
        page.heading("<h>")
        page.paragraph("p")
        page.code("a < b && c")
        page.list(["one", "two"])
        page.list([])
        page.table([("label", "<value>")])
        page.table(header: ["a", "b"], rows: [["1", String(repeating: "long ", count: 20)]])
        page.plot(plot([(0, 0), (1, 1)]), caption: "caption")
        let html = page.html
        #expect(malformation(of: html) == nil)
        for forbidden in ["<script", "http:", "https:", "url(", "@import", "<link", "src="] {
            #expect(!html.contains(forbidden), "\(forbidden)")
        }
        #expect(html.contains("prefers-color-scheme: dark") && html.contains("<title>A &amp; B</title>"))
        #expect(malformation(of: html + "<p>") != nil && malformation(of: "<p>&nbsp;</p>") != nil)
        #expect(malformation(of: "<p><b></p></b>") != nil && malformation(of: "<p a=1></p>") != nil)
    }
}

extension String {
    /// How often `part` occurs.
    fileprivate func components(of part: String) -> Int {
        split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
