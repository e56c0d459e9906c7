// SPDX-License-Identifier: Apache-2.0

/// What draws a plot: the elements of SVG that all plots are made of.
protocol SVGDrawing {}

extension SVGDrawing {
    func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ style: String) -> String {
        "<line class=\"\(style)\" x1=\"\(short(x1))\" y1=\"\(short(y1))\" x2=\"\(short(x2))\" y2=\"\(short(y2))\"/>\n"
    }

    func label(_ x: Double, _ y: Double, _ text: String, anchor: String, style: String? = nil) -> String {
        let style = style.map { " class=\"\($0)\"" } ?? ""
        return
            "<text\(style) x=\"\(short(x))\" y=\"\(short(y))\" text-anchor=\"\(anchor)\">\(Markup.escape(text))</text>\n"
    }

    /// A coordinate to a hundredth.
    func short(_ value: Double) -> String {
        let text = "\((value * 100).rounded() / 100)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
