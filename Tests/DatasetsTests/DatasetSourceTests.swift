// SPDX-License-Identifier: Apache-2.0

import Datasets
import Testing

@Suite("Specifications and parts")
struct DatasetSourceTests {
    @Test(
        "The N parts are disjoint, cover the training set, and leave the test set whole",
        arguments: [1, 2, 3, 7, 1438]
    )
    func partition(parts: Int) throws {
        let (whole, test) = try DatasetSource.load("digits")
        var seen = [Bool](repeating: false, count: whole.count)
        for index in parts > 10 ? [1, 700, parts] : Array(1...parts) {
            let (part, partTest) = try DatasetSource.load("digits:\(index)/\(parts)")
            #expect(partTest.count == test.count)
            #expect(abs(part.count * parts - whole.count) < parts)
            for example in 0..<part.count {
                let position = index - 1 + example * parts
                #expect(!seen[position])
                seen[position] = true
                #expect(part.label(example) == whole.label(position))
                #expect(features(of: part, example) == features(of: whole, position))
            }
        }
        #expect(parts > 10 || seen.allSatisfy { $0 })
    }

    @Test("The published test set can be named, whole and in parts, and is apart from the training set")
    func testSet() throws {
        let (whole, test) = try DatasetSource.load("digits")
        #expect(try DatasetSource.load("digits-test").train.count == test.count)
        var seen = 0
        for index in 1...4 {
            let part = try DatasetSource.load("digits-test:\(index)/4").train
            for example in 0..<part.count {
                let position = index - 1 + example * 4
                #expect(part.label(example) == test.label(position))
                #expect(features(of: part, example) == features(of: test, position))
            }
            seen += part.count
        }
        #expect(seen == test.count && whole.count + test.count == 1797)
        #expect(throws: DatasetError.self) { try DatasetSource.load("digits-test:1/360") }
        #expect(throws: DatasetError.self) { try DatasetSource.load("-test") }
    }

    @Test("Two specifications overlap where they name an example in common")
    func overlap() throws {
        func overlap(_ first: String, _ second: String) throws -> Bool {
            #expect(try DatasetSource.overlap(first, second) == DatasetSource.overlap(second, first))
            return try DatasetSource.overlap(first, second)
        }
        #expect(try overlap("digits", "digits") && overlap("digits", "digits:3/4"))
        #expect(try !overlap("digits", "digits-test") && !overlap("digits-test:1/2", "digits:1/2"))
        #expect(try !overlap("idx:a:1/2", "idx:b:1/2") && overlap("idx:a:1/2", "idx:a:1/4"))
        for (left, right) in [(2, 3), (4, 6), (5, 5), (12, 8)] {
            for one in 1...left {
                for other in 1...right {
                    let first = Set(stride(from: one - 1, to: 1438, by: left))
                    let meets = stride(from: other - 1, to: 1438, by: right).contains { first.contains($0) }
                    #expect(try overlap("digits:\(one)/\(left)", "digits:\(other)/\(right)") == meets)
                }
            }
        }
    }

    @Test(
        "A specification that names nothing is refused in one line that lists what exists",
        arguments: ["", "digit", "digits:x", "digits:", "idx", "idx:", "idx:1/2", "csv:a.csv", "digits:1/2/3", ":1/2"]
    )
    func unknown(specification: String) throws {
        let error = try #require(throws: DatasetError.self) { try DatasetSource.load(specification) }
        #expect(error == .unknownSpecification(specification))
        #expect(error.description.contains("digits:K/N") && !error.description.contains("\n"))
    }

    @Test(
        "A part outside 1 <= K <= N <= training examples is refused",
        arguments: ["0/3", "4/3", "1/0", "1/1439", "99999999999999999999/3"]
    )
    func badPart(part: String) throws {
        let error = try #require(throws: DatasetError.self) { try DatasetSource.load("digits:\(part)") }
        guard case .badPart = error else {
            Issue.record("\(error)")
            return
        }
    }

    @Test("A subset of a subset counts from the subset, keeps order and repetitions, and shares the bytes")
    func subsets() throws {
        let train = try DatasetSource.load("digits").train
        let subset = train.subset([5, 3, 3, 900]).subset([3, 0, 1])
        #expect(subset.count == 3)
        for (position, original) in [900, 5, 3].enumerated() {
            #expect(features(of: subset, position) == features(of: train, original))
            #expect(subset.label(position) == train.label(original))
        }
        #expect(subset.plannedBytes - 1797 * 65 == 12)
        #expect(train.subset([]).count == 0)
    }

    @Test("Printing a set shows its size and never an example")
    func printed() throws {
        let train = try DatasetSource.load("digits:2/3").train
        var dumped = ""
        dump(train, to: &dumped)
        #expect("\(train)" == "digits:2/3 (train): 479 examples 1x8x8 in 10 classes, public")
        #expect(
            String(reflecting: train) == train.contents && !dumped.contains("features") && !dumped.contains("labels")
        )
    }
}
