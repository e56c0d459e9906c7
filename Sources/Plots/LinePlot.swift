// SPDX-License-Identifier: Apache-2.0

/// A plot of lines, drawn as an SVG element for a page that includes ``style``.
///
/// The room *Plots* turns numbers into pages that can be kept: one file, no script, nothing fetched, readable in light
/// and dark. Lines differ by colour and by dashes, so that neither colour vision nor a colour printer is needed.
package struct LinePlot: Sendable {
    /// One line, in the order of its points; a point that an axis cannot show leaves a gap.
    package struct Series: Hashable, Sendable {
        package let name: String
        package let points: [Point]

        package init(_ name: String, _ points: [Point]) {
            self.name = name
            self.points = points
        }
    }

    package struct Point: Hashable, Sendable {
        package let x: Double
        package let y: Double

        package init(x: Double, y: Double) {
            self.x = x
            self.y = y
        }
    }

    /// A point of its own, with its word in the legend.
    package struct Mark: Hashable, Sendable {
        package let point: Point
        package let text: String

        package init(_ point: Point, _ text: String) {
            self.point = point
            self.text = text
        }
    }

    package let title: String
    package let x: PlotAxis
    package let y: PlotAxis
    package let series: [Series]
    package let mark: Mark?

    package init(_ title: String, x: PlotAxis, y: PlotAxis, series: [Series], mark: Mark? = nil) {
        self.title = title
        self.x = x
        self.y = y
        self.series = series
        self.mark = mark
    }

    /// The colours and dashes of lines, and everything else that the drawing leaves to the page.
    package static let style = """
        :root { --ink: #1a1a1a; --soft: #5f6368; --rule: #d8dadd; --page: #ffffff;
          --line0: #0060a8; --line1: #c04a00; --line2: #007a58; --line3: #a3467f; }
        @media (prefers-color-scheme: dark) {
          :root { --ink: #e8e8e8; --soft: #a6abb1; --rule: #3c4147; --page: #16181b;
            --line0: #6cb8f0; --line1: #ffa15c; --line2: #3fcf9f; --line3: #eb9ecb; } }
        .plot { width: 100%; min-width: 32rem; height: auto; display: block; font: 13px system-ui, sans-serif; }
        .plot text { fill: var(--soft); } .plot .word { fill: var(--ink); }
        .plot .grid { stroke: var(--rule); stroke-width: 1; } .plot .frame { stroke: var(--soft); stroke-width: 1; }
        .plot .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
        .plot .line0 { stroke: var(--line0); } .plot .line1 { stroke: var(--line1); stroke-dasharray: 9 5; }
        .plot .line2 { stroke: var(--line2); stroke-dasharray: 2 5; }
        .plot .line3 { stroke: var(--line3); stroke-dasharray: 10 4 2 4; }
        .plot .dot { fill: var(--page); stroke: var(--ink); stroke-width: 2; }
        """

    /// How many lines can be told apart; what is beyond repeats.
    package static let styles = 4
}
