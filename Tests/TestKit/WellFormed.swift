// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a text as XML (elements closed in order, attributes quoted and named once, known entities, no bare
/// `&` or `<`), or nil. A document type is passed over; the content of `style` has to be free of markup.
package func malformation(of text: String) -> String? {
    var open: [String] = []
    var rest = Substring(text)
    while let start = rest.firstIndex(of: "<") {
        if let reason = entityFault(in: rest[..<start]) { return reason }
        guard let end = rest[start...].firstIndex(of: ">") else { return "a tag without an end" }
        let tag = rest[rest.index(after: start)..<end]
        rest = rest[rest.index(after: end)...]
        if tag.hasPrefix("!DOCTYPE ") { continue }
        if tag.hasPrefix("/") {
            guard open.popLast() == String(tag.dropFirst()) else {
                return "</\(tag.dropFirst())> closes another element"
            }
            continue
        }
        let isEmpty = tag.hasSuffix("/")
        let body = isEmpty ? tag.dropLast() : tag
        let name = String(body.prefix { !$0.isWhitespace })
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber }) else { return "<\(tag)>" }
        if let reason = attributeFault(in: body.dropFirst(name.count)) { return "<\(name)>: \(reason)" }
        if !isEmpty { open.append(name) }
    }
    if let reason = entityFault(in: rest) { return reason }
    return open.isEmpty ? nil : "<\(open[open.count - 1])> is not closed"
}

private func attributeFault(in text: Substring) -> String? {
    var rest = text.drop(while: \.isWhitespace)
    var names: Set<Substring> = []
    while !rest.isEmpty {
        let name = rest.prefix { $0 != "=" }
        guard names.insert(name).inserted, !name.contains(where: \.isWhitespace) else { return "attribute \(name)" }
        let value = rest.dropFirst(name.count + 1)
        guard value.first == "\"", let end = value.dropFirst().firstIndex(of: "\"") else {
            return "\(name) is not quoted"
        }
        if let reason = entityFault(in: value[..<end]) { return reason }
        rest = value[value.index(after: end)...].drop(while: \.isWhitespace)
    }
    return nil
}

private func entityFault(in text: Substring) -> String? {
    for part in text.split(separator: "&", omittingEmptySubsequences: false).dropFirst() {
        guard ["amp;", "lt;", "gt;", "quot;", "#39;"].contains(where: part.hasPrefix) else {
            return "&\(part.prefix(8))"
        }
    }
    return nil
}
