// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser

extension Accountant: ExpressibleByArgument {}

/// How a Rényi divergence becomes an epsilon.
enum ConversionChoice: String, ExpressibleByArgument, CaseIterable {
    case improved
    case classic

    var conversion: Conversion {
        switch self {
        case .improved: .improved
        case .classic: .classic
        }
    }
}
