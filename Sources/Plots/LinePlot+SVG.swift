// SPDX-License-Identifier: Apache-2.0

extension LinePlot {
    /// The drawing, 720 by 400 units.
    package func svg() -> String {
        let frame = Frame(self)
        var text = "<svg class=\"plot\" viewBox=\"0 0 720 400\" role=\"img\" aria-label=\"\(Markup.escape(title))\">\n"
        text += frame.grid(self)
        for (index, line) in series.enumerated() { text += frame.drawn(line, style: index % Self.styles) }
        if let mark { text += frame.drawn(mark) }
        text += frame.legend(series, mark)
        return text + "</svg>"
    }
}

/// Where things are on the drawing.
private struct Frame: SVGDrawing {
    private let left = 76.0
    private let right = 684.0
    private let top = 34.0
    private let bottom = 346.0
    private let across: PlotRange
    private let up: PlotRange

    init(_ plot: LinePlot) {
        let points = plot.series.flatMap(\.points) + (plot.mark.map { [$0.point] } ?? [])
        // A point that one axis cannot show does not widen the other.
        let shown = points.filter { plot.x.scale.shows($0.x) && plot.y.scale.shows($0.y) }
        across = PlotRange(shown.map(\.x), scale: plot.x.scale)
        up = PlotRange(shown.map(\.y), scale: plot.y.scale)
    }

    private func place(_ point: LinePlot.Point) -> (x: Double, y: Double)? {
        guard let x = across.place(point.x), let y = up.place(point.y) else { return nil }
        return (left + x * (right - left), bottom - y * (bottom - top))
    }

    /// Ticks, their numbers, grid lines and the labels of both axes.
    func grid(_ plot: LinePlot) -> String {
        var text = ""
        for tick in up.ticks {
            guard let y = up.place(tick.value).map({ bottom - $0 * (bottom - top) }) else { continue }
            text += line(left, y, right, y, "grid")
            text += label(left - 8, y + 4.5, tick.text, anchor: "end")
        }
        var free = -Double.infinity
        for tick in across.ticks {
            guard let x = across.place(tick.value).map({ left + $0 * (right - left) }) else { continue }
            text += line(x, bottom, x, bottom + 5, "frame")
            // A number takes about 7 units a character; one that would touch its neighbour is left out.
            let half = 3.5 * Double(tick.text.count) + 4
            guard x - half >= free else { continue }
            free = x + half
            text += label(x, bottom + 20, tick.text, anchor: "middle")
        }
        text += line(left, bottom, right, bottom, "frame")
        text += label((left + right) / 2, bottom + 44, plot.x.label, anchor: "middle", style: "word")
        // A letter is read more easily upright.
        let turn = plot.y.label.count > 2 ? " rotate(-90)" : ""
        text += "<text class=\"word\" text-anchor=\"middle\" transform=\"translate(18 \(short((top + bottom) / 2)))"
        text += "\(turn)\">\(Markup.escape(plot.y.label))</text>\n"
        return text
    }

    func drawn(_ series: LinePlot.Series, style: Int) -> String {
        var text = ""
        var run: [(x: Double, y: Double)] = []
        func finish() {
            if run.count == 1 {
                text +=
                    "<circle class=\"line line\(style)\" cx=\"\(short(run[0].x))\" cy=\"\(short(run[0].y))\" r=\"3\"/>\n"
            } else if run.count > 1 {
                let points = run.map { "\(short($0.x)),\(short($0.y))" }.joined(separator: " ")
                text += "<polyline class=\"line line\(style)\" points=\"\(points)\"/>\n"
            }
            run = []
        }
        for point in series.points {
            if let place = place(point) { run.append(place) } else { finish() }
        }
        finish()
        return text
    }

    /// The point; its word stands in the legend, where no line can cross it.
    func drawn(_ mark: LinePlot.Mark) -> String {
        place(mark.point).map { dot($0.x, $0.y) } ?? ""
    }

    func legend(_ series: [LinePlot.Series], _ mark: LinePlot.Mark?) -> String {
        var text = ""
        var x = left
        for (index, line) in series.enumerated() {
            text += self.line(x, 16, x + 38, 16, "line line\(index % LinePlot.styles)")
            text += label(x + 46, 20.5, line.name, anchor: "start", style: "word")
            x += 46 + 7.2 * Double(line.name.count) + 26
        }
        guard let mark, place(mark.point) != nil else { return text }
        return text + dot(x + 5, 16) + label(x + 16, 20.5, mark.text, anchor: "start", style: "word")
    }

    private func dot(_ x: Double, _ y: Double) -> String {
        "<circle class=\"dot\" cx=\"\(short(x))\" cy=\"\(short(y))\" r=\"4.5\"/>\n"
    }
}

extension PlotAxis.Scale {
    fileprivate func shows(_ value: Double) -> Bool { value.isFinite && (self == .linear || value > 0) }
}
