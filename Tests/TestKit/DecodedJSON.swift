// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A value from its JSON.
package func decoded<Value: Decodable>(_ json: [UInt8], as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: Data(json))
}
