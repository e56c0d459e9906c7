// SPDX-License-Identifier: Apache-2.0

import Accounting
import ArgumentParser

extension Accountant: ExpressibleByArgument {}

/// The precisions in which products can be computed.
enum Precision: String, ExpressibleByArgument, CaseIterable, Encodable {
    case fp32
}

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
