// SPDX-License-Identifier: Apache-2.0

internal import TOML

/// What people ask for that no layer here can be, and what to use instead.
enum LayerAdvice {
    private static let batchStatistics =
        "batch statistics mix examples, so one example's gradient has no bound; use group-norm"
    private static let tiedWeights =
        "tied weights need a cross term in the norm of an example's gradient; give the layer its own weights"
    private static let bothDirections =
        "recurrent layers read in one direction; use attention where every place must see the others"

    /// Why there is no such kind, where that is a matter of principle.
    static func refusal(kind: String) -> String? {
        let letters = Self.letters(kind)
        if letters.contains("batchnorm") { return batchStatistics }
        if letters.contains("bidirectional") || letters == "bilstm" || letters == "bigru" { return bothDirections }
        return nil
    }

    /// Refuses keys that would be wrong on every layer.
    static func check(_ table: ModelTable) throws(ModelError) {
        for key in table.keys {
            switch letters(key) {
            case "tie", "tied", "tiedto", "tieto", "tieweights", "tiedweights", "weight", "weights", "weighttying",
                "share",
                "shared", "sharewith", "shareweights", "sharedweights":
                throw table.error("\(Wording.quoted(key)): \(tiedWeights)")
            case "bidirectional":
                throw table.error("'bidirectional': \(bothDirections)")
            default: continue
            }
        }
    }

    /// Small letters only, so that BatchNorm2d, batch_norm and batch-norm are one.
    private static func letters(_ text: String) -> String {
        String(text.lowercased().unicodeScalars.prefix(64).filter { ("a"..."z").contains($0) }.map(Character.init))
    }
}
