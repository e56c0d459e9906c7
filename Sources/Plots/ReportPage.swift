// SPDX-License-Identifier: Apache-2.0

/// A page to be kept as one HTML file: text, tables and plots, no script, nothing fetched. It is well-formed XML too, so
/// that other programs can read it.
package struct ReportPage: Sendable {
    private let title: String
    private var body = ""

    package init(_ title: String) {
        self.title = title
    }

    package mutating func heading(_ text: String) {
        body += "<h2>\(Markup.escape(text))</h2>\n"
    }

    package mutating func paragraph(_ text: String) {
        body += "<p>\(Markup.escape(text))</p>\n"
    }

    /// Text in which every character counts, such as a command.
    package mutating func code(_ text: String) {
        body += "<pre><code>\(Markup.escape(text))</code></pre>\n"
    }

    package mutating func list(_ items: [String]) {
        guard !items.isEmpty else { return }
        body += "<ul>\n" + items.map { "<li>\(Markup.escape($0))</li>\n" }.joined() + "</ul>\n"
    }

    /// Names and values.
    package mutating func table(_ rows: [(label: String, value: String)]) {
        body += "<div class=\"wide\"><table>\n"
        for (label, value) in rows {
            body += "<tr><th scope=\"row\">\(Markup.escape(label))</th><td>\(Markup.escape(value))</td></tr>\n"
        }
        body += "</table></div>\n"
    }

    /// Rows under a header, each with as many cells.
    package mutating func table(header: [String], rows: [[String]]) {
        body += "<div class=\"wide\"><table>\n<tr>"
        body += header.map { "<th scope=\"col\">\(Markup.escape($0))</th>" }.joined() + "</tr>\n"
        for row in rows {
            body += "<tr>" + row.map(Self.cell).joined() + "</tr>\n"
        }
        body += "</table></div>\n"
    }

    /// A few words stay on one line; only long texts are broken.
    private static func cell(_ text: String) -> String {
        "<td\(text.count <= 24 ? " class=\"short\"" : "")>\(Markup.escape(text))</td>"
    }

    package mutating func plot(_ plot: LinePlot, caption: String) {
        body += "<figure>\n<h3>\(Markup.escape(plot.title))</h3>\n<div class=\"wide\">\(plot.svg())</div>\n"
        body += "<figcaption>\(Markup.escape(caption))</figcaption>\n</figure>\n"
    }

    package mutating func plot(_ plot: GroupPlot, caption: String) {
        body += "<figure>\n<h3>\(Markup.escape(plot.title))</h3>\n<div class=\"wide\">\(plot.svg())</div>\n"
        body += "<figcaption>\(Markup.escape(caption))</figcaption>\n</figure>\n"
    }

    /// The file's text.
    package var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <title>\(Markup.escape(title))</title>
        <style>
        \(LinePlot.style)
        \(GroupPlot.style)
        \(Self.style)
        </style>
        </head>
        <body>
        <main>
        <h1>\(Markup.escape(title))</h1>
        \(body)</main>
        </body>
        </html>

        """
    }

    private static let style = """
        body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 48rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
        h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
        h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
        h3 { font-size: 1rem; margin: 0 0 .4rem; }
        figure { margin: 1.4rem 0 2rem; }
        figcaption { color: var(--soft); font-size: .9rem; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .93rem; font-variant-numeric: tabular-nums; }
        th, td { border-bottom: 1px solid var(--rule); padding: .35rem .8rem .35rem 0; text-align: left;
          vertical-align: top; overflow-wrap: anywhere; }
        th { font-weight: 500; color: var(--soft); white-space: nowrap; }
        .short { white-space: nowrap; }
        pre { overflow-x: auto; border: 1px solid var(--rule); border-radius: 6px; padding: .7rem .9rem; margin: .6rem 0; }
        code { font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
        p, li { overflow-wrap: anywhere; }
        """
}
