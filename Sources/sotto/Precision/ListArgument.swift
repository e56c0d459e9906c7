// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Kernels
import PrecisionStudy

/// Several values in one argument, apart by commas, none of them twice.
struct ListArgument<Element: ExpressibleByArgument & Hashable & Sendable>: ExpressibleByArgument, Sendable {
    let values: [Element]

    init(_ values: [Element]) {
        self.values = values
    }

    init?(argument: String) {
        let values = argument.split(separator: ",", omittingEmptySubsequences: false)
            .map { Element(argument: String($0)) }
        let found = values.compactMap(\.self)
        guard !found.isEmpty, found.count == values.count, Set(found).count == found.count else { return nil }
        self.values = found
    }

    static var allValueStrings: [String] { [] }
    var defaultValueDescription: String { values.map(\.defaultValueDescription).joined(separator: ",") }
}

/// Whether runs are private.
enum StudyPrivacy: String, ExpressibleByArgument, CaseIterable {
    case with
    case without
}

extension StudySetting: ExpressibleByArgument {}
