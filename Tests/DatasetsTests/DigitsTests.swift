// SPDX-License-Identifier: Apache-2.0

import Datasets
import TestKit
import Testing

@Suite("The shipped digits")
struct DigitsTests {
    /// The published file, parsed independently of the shipped text.
    private func published() throws -> [[Int]] {
        let text = try fixture("datasets/digits.csv")
        return text.split(separator: UInt8(ascii: "\n")).map { line in
            line.split(separator: UInt8(ascii: ",")).map { $0.reduce(0) { 10 * $0 + Int($1 - 48) } }
        }
    }

    @Test("Every pixel and label is that of the published file")
    func equalsPublished() throws {
        let rows = try published()
        let digits = Digits.decoded()
        #expect(rows.count == 1797 && digits.count == 1797)
        for (index, row) in rows.enumerated() {
            try #require(row.count == 65)
            #expect(features(of: digits, index) == row[..<64].map { Float($0) / 16 })
            #expect(digits.label(index) == Int32(row[64]))
        }
    }

    @Test("The classes are as frequent as published: 174 to 183")
    func classCounts() {
        let digits = Digits.decoded()
        var counts = [Int](repeating: 0, count: 10)
        for index in 0..<digits.count { counts[Int(digits.label(index))] += 1 }
        #expect(counts.min() == 174 && counts.max() == 183)
    }

    @Test("Every fifth example is for testing, and nothing is in both sets")
    func split() throws {
        let (train, test) = try DatasetSource.load("digits")
        #expect(train.count == 1438 && test.count == 359)
        #expect(train.exampleShape == [1, 8, 8] && train.classes == 10 && train.isPublic && test.isPublic)
        let whole = Digits.decoded()
        for index in 0..<whole.count {
            let (set, position) = index % 5 == 4 ? (test, index / 5) : (train, index - (index + 1) / 5)
            #expect(features(of: set, position) == features(of: whole, index))
            #expect(set.label(position) == whole.label(index))
        }
        #expect(train.contents == "digits (train): 1438 examples 1x8x8 in 10 classes, public")
        #expect(try DatasetSource.plannedBytes("digits") >= train.plannedBytes)
    }
}

/// One example's features as an array.
func features(of dataset: Dataset, _ example: Int) -> [Float] {
    var values = [Float](repeating: .nan, count: dataset.featureCount)
    var span = values.mutableSpan
    dataset.write(example: example, into: &span)
    return values
}
