// SPDX-License-Identifier: Apache-2.0

/// Words for errors about what somebody wrote in a file: on one line whatever it was.
package enum Wording {
    /// What somebody wrote, in quotes: at most 40 characters, and none that ends the line or commands a terminal.
    package static func quoted(_ text: String) -> String { "'" + shown(text) + "'" }

    /// The same without quotes.
    package static func shown(_ text: String) -> String {
        let kept = text.unicodeScalars.prefix(40)
        let isCut = kept.endIndex != text.unicodeScalars.endIndex
        return printable(kept) + (isCut ? "..." : "")
    }

    /// The same text with � for every control character and line separator.
    private static func printable(_ text: some Sequence<Unicode.Scalar>) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned:
                line.append("\u{FFFD}")
            default: line.append(scalar)
            }
        }
        return String(line)
    }

    /// The candidate with the fewest insertions, removals and replacements of letters, where they are few.
    package static func nearest(to text: String, of candidates: [String]) -> String? {
        let letters = Array(text.lowercased().unicodeScalars.prefix(64).map { $0 == "_" || $0 == " " ? "-" : $0 })
        let ranked = candidates.map { (distance: distance(letters, Array($0.unicodeScalars)), candidate: $0) }
        guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(2, best.candidate.unicodeScalars.count / 3) ? best.candidate : nil
    }

    /// Levenshtein's distance.
    private static func distance(_ first: [Unicode.Scalar], _ second: [Unicode.Scalar]) -> Int {
        var row = Array(0...second.count)
        for (i, letter) in first.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in second.enumerated() {
                let replaced = diagonal + (letter == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
            }
        }
        return row[second.count]
    }
}
