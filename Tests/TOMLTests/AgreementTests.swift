// SPDX-License-Identifier: Apache-2.0

import TOML
import TestKit
import Testing

/// Texts of which another implementation of TOML 1.0 says what they mean.
@Suite struct AgreementTests {
    private struct Cases: Decodable {
        struct Accepted: Decodable {
            let text: String
            let value: String
        }

        let accepted: [Accepted]
        let refused: [String]
    }

    @Test func withPython() throws {
        let cases = try fixture("toml/cases.json", as: Cases.self)
        #expect(cases.accepted.count > 150 && cases.refused.count > 150)
        for one in cases.accepted {
            do throws(TOMLError) {
                #expect(canonical(try TOMLReader.table(one.text)) == one.value, "\(one.text.debugDescription)")
            } catch {
                Issue.record("\(one.text.debugDescription): \(error)")
            }
        }
        for text in cases.refused { #expect(refusal(text) != nil, "\(text.debugDescription)") }
    }
}
