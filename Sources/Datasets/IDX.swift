// SPDX-License-Identifier: Apache-2.0

/// The IDX format of Y. LeCun, C. Cortes and C. Burges' MNIST files: a big-endian header (0x0801 for labels, 0x0803 for
/// images; then one 32-bit size a dimension), then one byte a label or a pixel.
///
/// A directory holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, each plain or with `.gz` (the plain one wins). There are ten classes, a constant of MNIST
/// and its kin: counting them from the labels would make a public value out of private ones. Features are pixel / 255.
package enum IDX {
    static let classes = 10
    static let imageMagic: UInt32 = 0x0803
    static let labelMagic: UInt32 = 0x0801

    /// What a header may say; checked, with the size that the file can really hold, before memory is taken.
    static let exampleLimit = 0...10_000_000
    static let sideLimit = 1...4096
    static let byteLimit = 1...(1 << 31)

    /// Reads the four files of a directory.
    package static func load(directory: String) throws(DatasetError) -> (train: Dataset, test: Dataset) {
        let train = try split("train", directory: directory, title: "train")
        let test = try split("t10k", directory: directory, title: "test")
        guard train.exampleShape == test.exampleShape else {
            throw .countsDiffer(
                file: "\(directory)/t10k-images-idx3-ubyte",
                found: test.featureCount,
                other: "\(directory)/train-images-idx3-ubyte",
                expected: train.featureCount
            )
        }
        return (train, test)
    }

    /// The bytes of all four files' contents, the training set's positions, and zlib's buffers.
    static func plannedBytes(directory: String) throws(DatasetError) -> Int {
        var bytes = 1 << 18
        for prefix in ["train", "t10k"] {
            let images = try Self.open("\(prefix)-images-idx3-ubyte", directory: directory)
            bytes += try Header(images, magic: imageMagic).contentBytes
            let labels = try Self.open("\(prefix)-labels-idx1-ubyte", directory: directory)
            let count = try Header(labels, magic: labelMagic).dimensions[0]
            bytes += prefix == "train" ? count * (1 + MemoryLayout<Int32>.stride) : count
        }
        return bytes
    }

    private static func split(_ prefix: String, directory: String, title: String) throws(DatasetError) -> Dataset {
        let imageFile = try Self.open("\(prefix)-images-idx3-ubyte", directory: directory)
        let imageHeader = try Header(imageFile, magic: imageMagic)
        let labelFile = try Self.open("\(prefix)-labels-idx1-ubyte", directory: directory)
        let labelHeader = try Header(labelFile, magic: labelMagic)
        guard labelHeader.dimensions[0] == imageHeader.dimensions[0] else {
            throw .countsDiffer(
                file: labelFile.path,
                found: labelHeader.dimensions[0],
                other: imageFile.path,
                expected: imageHeader.dimensions[0]
            )
        }
        let labels = try labelHeader.content(of: labelFile)
        guard labels.allSatisfy({ $0 < classes }) else {
            throw .labelOutOfRange(file: labelFile.path, classes: classes)
        }
        return Dataset(
            name: "idx:\(directory) (\(title))",
            exampleShape: [1, imageHeader.dimensions[1], imageHeader.dimensions[2]],
            classes: classes,
            isPublic: false,
            features: try imageHeader.content(of: imageFile),
            labels: labels,
            scale: FeatureScale(divisor: 255)
        )
    }

    private static func open(_ name: String, directory: String) throws(DatasetError) -> GzipFile {
        let plain = "\(directory)/\(name)"
        if GzipFile.exists(plain) { return try GzipFile(path: plain) }
        guard GzipFile.exists(plain + ".gz") else { throw .missing(file: plain) }
        return try GzipFile(path: plain + ".gz")
    }
}

extension IDX {
    /// A header within the limits, whose content the file is long enough to hold.
    struct Header {
        /// Examples, and for images rows and columns.
        let dimensions: [Int]
        let headerBytes: Int
        let contentBytes: Int

        /// Reads the header and leaves the file at the first byte of the content.
        init(_ file: borrowing GzipFile, magic: UInt32) throws(DatasetError) {
            let names = magic == imageMagic ? ["images", "rows", "columns"] : ["labels"]
            headerBytes = 4 + 4 * names.count
            let bytes = try file.read(headerBytes)
            guard bytes.count >= 4 else {
                throw .truncated(file: file.path, found: bytes.count, expected: headerBytes)
            }
            let found = Self.bigEndian(bytes[0..<4])
            guard found == magic else { throw .wrongMagic(file: file.path, found: found, expected: magic) }
            guard bytes.count == headerBytes else {
                throw .truncated(file: file.path, found: bytes.count, expected: headerBytes)
            }
            let dimensions = names.indices.map { Int(Self.bigEndian(bytes[(4 + 4 * $0)..<(8 + 4 * $0)])) }
            for (name, value) in zip(names, dimensions) {
                let limit = name == names[0] ? exampleLimit : sideLimit
                guard limit.contains(value) else {
                    throw .dimensionOutOfRange(file: file.path, what: name, found: value, limit: limit)
                }
            }
            let product = dimensions.reduce(1, *)
            guard product <= byteLimit.upperBound else {
                throw .dimensionOutOfRange(file: file.path, what: "bytes", found: product, limit: byteLimit)
            }
            guard headerBytes + product <= file.largestContent else {
                throw .truncated(file: file.path, found: file.largestContent, expected: headerBytes + product)
            }
            self.dimensions = dimensions
            contentBytes = product
        }

        /// The content, exactly as long as the header says, up to the file's end.
        func content(of file: borrowing GzipFile) throws(DatasetError) -> [UInt8] {
            let bytes = try file.read(contentBytes)
            guard bytes.count == contentBytes else {
                throw .truncated(
                    file: file.path,
                    found: headerBytes + bytes.count,
                    expected: headerBytes + contentBytes
                )
            }
            guard try file.read(1).isEmpty else {
                throw .oversized(file: file.path, expected: headerBytes + contentBytes)
            }
            return bytes
        }

        private static func bigEndian(_ bytes: some Sequence<UInt8>) -> UInt32 {
            bytes.reduce(0) { $0 << 8 | UInt32($1) }
        }
    }
}
