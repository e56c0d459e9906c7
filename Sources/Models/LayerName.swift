// SPDX-License-Identifier: Apache-2.0

/// What networks and layers may be called.
enum LayerName {
    static let rule = "1 to 64 of a-z A-Z 0-9 . _ -"
    /// A layer's name is one part of a dotted path.
    static let layerRule = "1 to 64 of a-z A-Z 0-9 _ -"

    static func isNetworkName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && name.utf8.allSatisfy { isLetter($0) || $0 == UInt8(ascii: ".") }
    }

    static func isLayerName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(isLetter)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
