// SPDX-License-Identifier: Apache-2.0

/// A plot of values side by side: groups along the axis, in each the same series, as dots with their intervals or as bars.
///
/// Series differ by colour and by shape, so that neither colour vision nor a colour printer is needed.
package struct GroupPlot: Sendable {
    /// How values are shown.
    package enum Kind: Hashable, Sendable {
        /// From an axis that begins near the least of them.
        case dots
        /// From zero.
        case bars
    }

    package struct Value: Hashable, Sendable {
        package let value: Double
        /// Where an interval around it ends; nil for none.
        package let low, high: Double?

        package init(_ value: Double, low: Double? = nil, high: Double? = nil) {
            self.value = value
            self.low = low
            self.high = high
        }
    }

    /// One value a group, nil where it has none.
    package struct Series: Hashable, Sendable {
        package let name: String
        package let values: [Value?]

        package init(_ name: String, _ values: [Value?]) {
            self.name = name
            self.values = values
        }
    }

    package let title: String
    package let label: String
    package let kind: Kind
    package let groups: [String]
    package let series: [Series]

    /// - Parameters:
    ///   - label: of the axis of values.
    ///   - groups: names along the other axis.
    ///   - series: each with one value a group.
    package init(_ title: String, label: String, kind: Kind, groups: [String], series: [Series]) {
        self.title = title
        self.label = label
        self.kind = kind
        self.groups = groups
        self.series = series
    }

    /// How dots and bars look; colours are those of ``LinePlot/style``.
    package static let style = """
        .plot .fill0 { fill: var(--line0); } .plot .fill1 { fill: var(--line1); }
        .plot .fill2 { fill: var(--line2); } .plot .fill3 { fill: var(--line3); }
        .plot .hollow { fill: var(--page); stroke-width: 2.2; } .plot .whisker { stroke-width: 1.8; }
        .plot .ink0 { stroke: var(--line0); } .plot .ink1 { stroke: var(--line1); }
        .plot .ink2 { stroke: var(--line2); } .plot .ink3 { stroke: var(--line3); }
        """
}

extension GroupPlot {
    /// The drawing, 720 by 340 units and a line for each two series.
    package func svg() -> String {
        let frame = GroupFrame(self)
        var text = "<svg class=\"plot\" viewBox=\"0 0 720 \(frame.height)\" role=\"img\""
        text += " aria-label=\"\(Markup.escape(title))\">\n"
        text += frame.grid(self)
        for (index, series) in series.enumerated() { text += frame.drawn(series, index, of: self) }
        text += frame.legend(self)
        return text + "</svg>"
    }
}

/// Where things are on the drawing.
private struct GroupFrame: SVGDrawing {
    private let left = 92.0
    private let right = 700.0
    private let top: Double
    private let bottom: Double
    private let up: PlotRange
    private let slots: Int
    private let groupWidth: Double
    let height: Int

    init(_ plot: GroupPlot) {
        let values = plot.series.flatMap { $0.values.compactMap(\.self) }
        let ends = values.flatMap { [$0.value, $0.low ?? $0.value, $0.high ?? $0.value] }
        up = PlotRange(ends, scale: .linear, startsAtZero: plot.kind == .bars)
        slots = max(1, plot.series.count)
        groupWidth = (right - left) / Double(max(1, plot.groups.count))
        top = 14 + 22 * Double((plot.series.count + 1) / 2)
        bottom = top + 280
        height = Int(bottom) + 36
    }

    private func y(_ value: Double) -> Double? { up.place(value).map { bottom - $0 * (bottom - top) } }

    /// The middle of a series' place in a group.
    private func x(_ group: Int, _ index: Int) -> Double {
        left + groupWidth * (Double(group) + (Double(index) + 1) / Double(slots + 1))
    }

    func grid(_ plot: GroupPlot) -> String {
        var text = ""
        for tick in up.ticks {
            guard let y = y(tick.value) else { continue }
            text += line(left, y, right, y, "grid")
            text += label(left - 8, y + 4.5, tick.text, anchor: "end")
        }
        text += line(left, bottom, right, bottom, "frame")
        for (index, group) in plot.groups.enumerated() {
            text += label(
                left + groupWidth * (Double(index) + 0.5),
                bottom + 22,
                group,
                anchor: "middle",
                style: "word"
            )
        }
        text += "<text class=\"word\" text-anchor=\"middle\" transform=\"translate(16 \(short((top + bottom) / 2)))"
        text += " rotate(-90)\">\(Markup.escape(plot.label))</text>\n"
        return text
    }

    func drawn(_ series: GroupPlot.Series, _ index: Int, of plot: GroupPlot) -> String {
        let style = index % LinePlot.styles
        var text = ""
        for (group, value) in series.values.enumerated() {
            guard let value, let middle = y(value.value) else { continue }
            let x = x(group, index)
            if plot.kind == .bars {
                let width = 0.8 * groupWidth / Double(slots + 1)
                text += "<rect class=\"\(paint(style))\" x=\"\(short(x - width / 2))\" y=\"\(short(middle))\""
                text += " width=\"\(short(width))\" height=\"\(short(bottom - middle))\"/>\n"
            }
            if let low = value.low.flatMap(y), let high = value.high.flatMap(y) {
                for (x1, y1, x2, y2) in [(x, low, x, high), (x - 5, low, x + 5, low), (x - 5, high, x + 5, high)] {
                    text += line(x1, y1, x2, y2, "whisker ink\(style)")
                }
            }
            if plot.kind == .dots { text += shape(style, x, middle) }
        }
        return text
    }

    /// Every other style is hollow.
    private func paint(_ style: Int) -> String { style % 2 == 0 ? "fill\(style)" : "hollow ink\(style)" }

    /// A full dot, a hollow dot, a full square, a hollow square.
    private func shape(_ style: Int, _ x: Double, _ y: Double) -> String {
        let fill = paint(style)
        guard style >= 2 else {
            return "<circle class=\"\(fill)\" cx=\"\(short(x))\" cy=\"\(short(y))\" r=\"5\"/>\n"
        }
        return "<rect class=\"\(fill)\" x=\"\(short(x - 4.5))\" y=\"\(short(y - 4.5))\" width=\"9\" height=\"9\"/>\n"
    }

    func legend(_ plot: GroupPlot) -> String {
        var text = ""
        for (index, series) in plot.series.enumerated() {
            let (x, y) = (left + (index % 2 == 0 ? 0 : 310), 16 + 22 * Double(index / 2))
            let style = index % LinePlot.styles
            text +=
                plot.kind == .dots
                ? shape(style, x + 6, y - 4)
                : "<rect class=\"\(paint(style))\" x=\"\(short(x))\" y=\"\(short(y - 10))\" width=\"12\" height=\"12\"/>\n"
            text += label(x + 20, y, series.name, anchor: "start", style: "word")
        }
        return text
    }
}
