// SPDX-License-Identifier: Apache-2.0

package import Accounting

/// Which accountant's word is taken.
package struct AccountantChoice: Hashable, Sendable {
    /// Nil for the least of those that cover the event.
    package let accountant: Accountant?
    /// Nil for the improved one. With no accountant named, a conversion names RDP, which is the one that needs it most.
    package let conversion: Conversion?

    package init(accountant: Accountant? = nil, conversion: Conversion? = nil) {
        self.accountant = accountant
        self.conversion = conversion
    }

    /// The epsilon at the accountant's part of delta, in (0, 1).
    package func epsilon(of event: PrivacyEvent, delta: Double) throws(AccountingError) -> AccountedEpsilon {
        if let accountant {
            return try accountant.epsilon(of: event, delta: delta, conversion: conversion ?? .improved)
        }
        guard let conversion else { return try Accountant.least(of: event, delta: delta) }
        return try RDPAccountant.epsilon(of: event, delta: delta, conversion: conversion)
    }
}
