// SPDX-License-Identifier: Apache-2.0

/// The binary version of A. Krizhevsky's CIFAR-10: records of 3,073 bytes, one label (0 to 9) and then the red, the green
/// and the blue plane of an image of 32 × 32, row by row.
///
/// A directory holds `data_batch_1.bin`, `data_batch_2.bin` and so on, which are read in the order of their numbers (up to
/// 999, gaps are skipped), and `test_batch.bin`; a file may hold any number of records. Features are byte / 127.5 − 1, in
/// [−1, 1]: centred by constants, because a mean counted from the images would depend on every one of them.
package enum CIFAR10 {
    static let classes = 10
    static let exampleShape = [3, 32, 32]
    static let featureCount = 3072
    static let recordBytes = 1 + featureCount
    static let batchNumbers = 1...999
    /// What a file may hold; checked against its size before memory is taken.
    static let recordLimit = 1...1_000_000

    /// Reads the training batches and the test batch of a directory.
    package static func load(directory: String) throws(DatasetError) -> (train: Dataset, test: Dataset) {
        let train = try batches(directory)
        return (
            try split(train, name: "cifar10:\(directory) (train)"),
            try split([testBatch(directory)], name: "cifar10:\(directory) (test)")
        )
    }

    /// The bytes of all records, the training set's positions, and one block that is read at a time.
    static func plannedBytes(directory: String) throws(DatasetError) -> Int {
        var bytes = blockBytes + 1 << 18
        for path in try batches(directory) {
            let records = try recordCount(GzipFile(path: path))
            bytes += records * (recordBytes + MemoryLayout<Int32>.stride)
        }
        return try bytes + recordCount(GzipFile(path: testBatch(directory))) * recordBytes
    }

    /// Records that are read at once.
    private static let block = 256
    private static let blockBytes = block * recordBytes

    private static func batches(_ directory: String) throws(DatasetError) -> [String] {
        let paths = batchNumbers.map { "\(directory)/data_batch_\($0).bin" }.filter(GzipFile.exists)
        guard !paths.isEmpty else { throw .missingBatch(file: "\(directory)/data_batch_1.bin") }
        return paths
    }

    private static func testBatch(_ directory: String) throws(DatasetError) -> String {
        let path = "\(directory)/test_batch.bin"
        guard GzipFile.exists(path) else { throw .missingBatch(file: path) }
        return path
    }

    private static func split(_ paths: [String], name: String) throws(DatasetError) -> Dataset {
        var (features, labels): ([UInt8], [UInt8]) = ([], [])
        var expected = 0
        for path in paths { expected += try recordCount(GzipFile(path: path)) }
        guard expected <= Int(Int32.max) else {
            throw .dimensionOutOfRange(file: paths[0], what: "images and more", found: expected, limit: recordLimit)
        }
        features.reserveCapacity(expected * featureCount)
        labels.reserveCapacity(expected)
        for path in paths { try read(GzipFile(path: path), into: &features, &labels) }
        return Dataset(
            name: name,
            exampleShape: exampleShape,
            classes: classes,
            isPublic: false,
            features: features,
            labels: labels,
            scale: FeatureScale(divisor: 127.5, offset: -1)
        )
    }

    private static func read(
        _ file: borrowing GzipFile,
        into features: inout [UInt8],
        _ labels: inout [UInt8]
    ) throws(DatasetError) {
        var left = try recordCount(file)
        while left > 0 {
            let records = min(block, left)
            let bytes = try file.read(records * recordBytes)
            guard bytes.count == records * recordBytes else {
                throw .partialRecord(file: file.path, found: file.largestContent, record: recordBytes)
            }
            for start in stride(from: 0, to: bytes.count, by: recordBytes) {
                guard bytes[start] < classes else { throw .labelOutOfRange(file: file.path, classes: classes) }
                labels.append(bytes[start])
                features.append(contentsOf: bytes[start + 1..<start + recordBytes])
            }
            left -= records
        }
    }

    /// The records of a file, by its size.
    private static func recordCount(_ file: borrowing GzipFile) throws(DatasetError) -> Int {
        guard !file.isCompressed else { throw .compressed(file: file.path) }
        guard file.largestContent % recordBytes == 0, file.largestContent > 0 else {
            throw .partialRecord(file: file.path, found: file.largestContent, record: recordBytes)
        }
        let records = file.largestContent / recordBytes
        guard recordLimit.contains(records) else {
            throw .dimensionOutOfRange(file: file.path, what: "images", found: records, limit: recordLimit)
        }
        return records
    }
}
