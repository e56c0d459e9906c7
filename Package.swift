// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Every target of ours is compiled with these; none carries unsafe flags, so that other packages can depend on them.
let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func system(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/\(name)", swiftSettings: settings)
}

func tool(_ name: String, path: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

func suite(_ room: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(room)Tests",
        dependencies: [.byName(name: room), "TestKit"] + dependencies,
        path: "Tests/\(room)Tests",
        swiftSettings: settings
    )
}

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "sotto",
    products: [
        .executable(name: "sotto", targets: ["sotto"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
    ],
    targets: [
        system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        system("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
        system("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        .target(name: "CKernels", path: "Sources/CKernels"),
        room("Kernels", ["COpenBLAS", "CKernels"]),
        room("Cryptography", ["COpenSSL"]),
        room("Files", ["Cryptography"]),
        room("Randomness", ["Cryptography"]),
        room("Noise", ["Randomness"]),
        room("Accounting", ["Cryptography"]),
        room("Networks", ["Kernels", "Randomness"]),
        room("Datasets", ["CZlib", "Accounting", "Randomness"]),
        room("Training", ["Accounting", "Cryptography", "Datasets", "Kernels", "Networks", "Noise", "Randomness"]),
        room("Updates", ["CZstd", "Accounting", "Cryptography", "Noise", "Randomness"]),
        room("Rounds", ["Accounting", "Noise"]),
        // The generated schema code marks nothing unsafe, so this one room is compiled without the strict check.
        .target(
            name: "Messages",
            dependencies: ["Cryptography", "Rounds", protobuf],
            path: "Sources/Messages",
            swiftSettings: Array(settings.dropFirst())
        ),
        room("CommandLineKit", [arguments, logging]),
        tool(
            "sotto",
            path: "Sources/sotto",
            [
                "Accounting", "CommandLineKit", "Cryptography", "Datasets", "Files", "Kernels", "Networks", "Noise",
                "Randomness", "Training", arguments,
            ]
        ),
        .target(name: "TestKit", dependencies: ["Randomness"], path: "Tests/TestKit", swiftSettings: settings),
        suite("Kernels"),
        suite("Cryptography"),
        suite("Randomness"),
        suite("Noise", ["Cryptography", "Randomness"]),
        suite("Accounting", ["Cryptography"]),
        suite("Networks", ["Kernels", "Randomness"]),
        suite("Datasets", ["Accounting", "Randomness"]),
        suite("Training", ["Accounting", "Datasets", "Kernels", "Networks", "Noise", "Randomness"]),
        suite("Updates", ["Accounting", "Cryptography", "Noise", "Randomness"]),
    ],
    swiftLanguageModes: [.v6]
)
