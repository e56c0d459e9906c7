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

func room(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: settings)
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
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "sotto",
    products: [
        .library(name: "Participant", targets: ["Participant"]),
        .library(name: "Aggregator", targets: ["Aggregator"]),
        .executable(name: "sotto", targets: ["sotto"]),
        .executable(name: "sotto-client", targets: ["sotto-client"]),
        .executable(name: "sotto-server", targets: ["sotto-server"]),
        // What tests put before a process by LD_PRELOAD; nothing links it.
        .library(name: "CrashPoints", type: .dynamic, targets: ["CCrashPoints"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        system("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
        system("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        system("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        system("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
        .target(name: "CKernels", path: "Sources/CKernels"),

        room("Kernels", ["COpenBLAS", "CKernels"]),
        room("Cryptography", ["COpenSSL"]),
        room("Files", ["Cryptography"]),
        room("TOML", []),
        room("Randomness", ["Cryptography"]),
        room("Noise", ["CKernels", "Randomness"]),
        room("Accounting", ["Cryptography"]),
        room("Networks", ["Kernels", "Randomness"]),
        room("Models", ["Files", "Networks", "TOML"]),
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
        room("Store", ["CPostgres", "Rounds", grdb]),
        room(
            "Participant",
            [
                "CCurl", "Accounting", "Cryptography", "Datasets", "Files", "Kernels", "Messages", "Networks", "Noise",
                "Randomness", "Rounds", "Training", "Updates", logging, protobuf,
            ]
        ),
        // Files of the web page, inside the program, so that it can be copied alone.
        .target(
            name: "Pages",
            path: "Sources/Pages",
            resources: ["page.html", "page.css", "page.js", "icon.svg", "openapi.json"].map {
                .embedInCode("Resources/\($0)")
            },
            swiftSettings: settings
        ),
        room(
            "Aggregator",
            [
                "Accounting", "Cryptography", "Datasets", "Files", "Kernels", "Messages", "Networks", "Noise", "Pages",
                "Randomness", "Rounds", "Store", "TOML", "Training", "Updates", logging, protobuf,
            ]
        ),
        room(
            "PrecisionStudy",
            [
                "Accounting", "Aggregator", "Cryptography", "Datasets", "Files", "Kernels", "Networks", "Participant",
                "Randomness", "Rounds", "Training", "Updates",
            ]
        ),
        room("Auditing", ["Accounting", "Cryptography", "Files", "Networks", "Rounds", "Training"]),
        room("Plots", []),
        room("CommandLineKit", [arguments, logging]),
        tool(
            "sotto",
            path: "Sources/sotto",
            [
                "Accounting", "Aggregator", "Auditing", "CommandLineKit", "Cryptography", "Datasets", "Files",
                "Kernels",
                "Models", "Networks", "Noise", "Participant", "Plots", "PrecisionStudy", "Randomness", "Training",
                arguments,
            ]
        ),
        tool("sotto-client", path: "Client", ["CommandLineKit", "Kernels", "Participant", arguments, logging]),
        tool(
            "sotto-server",
            path: "Server",
            [
                "Aggregator", "CommandLineKit", "Kernels", "Store", arguments, hummingbird, hummingbirdCore, lifecycle,
                logging, nio, nioHTTPTypes, nioSSL,
            ]
        ),

        .target(name: "CAllocations", path: "Tests/CAllocations"),
        .target(name: "CCrashPoints", path: "Tests/CCrashPoints"),
        .target(name: "TestKit", dependencies: ["Randomness"], path: "Tests/TestKit", swiftSettings: settings),
        room("WireKit", path: "Tests/WireKit", ["Cryptography", "Messages", "Rounds", "Updates"]),
        tool(
            "sotto-load",
            path: "Tests/Load",
            [
                "CommandLineKit", "Cryptography", "Messages", "Rounds", "Updates", "WireKit", arguments, nio, nioHTTP1,
                nioPosix, nioSSL, nioTLS,
            ]
        ),
        suite("Kernels"),
        suite("Cryptography"),
        suite("Files", ["Cryptography"]),
        suite("TOML", ["Randomness"]),
        suite("Randomness"),
        suite("Noise", ["CKernels", "Cryptography", "Randomness"]),
        suite("Accounting", ["Cryptography"]),
        suite("Networks", ["Kernels", "Randomness"]),
        suite("Models", ["Kernels", "Networks", "Randomness"]),
        suite("Datasets", ["Accounting", "Randomness"]),
        suite("Training", ["CAllocations", "Accounting", "Datasets", "Kernels", "Networks", "Noise", "Randomness"]),
        suite("Updates", ["Accounting", "Cryptography", "Noise", "Randomness"]),
        suite("Rounds", ["Accounting", "Noise", "Randomness"]),
        suite("Messages", ["Cryptography", "Randomness", "Rounds", protobuf]),
        suite("Store", ["Rounds", grdb]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["TestKit"],
            path: "Tests/CommandTests",
            swiftSettings: settings
        ),
        suite("PrecisionStudy", ["Datasets", "Files", "Kernels", "Networks", "Training"]),
        suite("Auditing", ["Accounting", "Cryptography", "Datasets", "Networks", "Training"]),
        suite("Plots"),
        suite("CommandLineKit", [arguments, logging]),
        suite(
            "Participant",
            [
                "Accounting", "Cryptography", "Datasets", "Kernels", "Messages", "Networks", "Rounds", "Training",
                "Updates", logging,
            ]
        ),
        suite(
            "Aggregator",
            [
                "Accounting", "Auditing", "Cryptography", "Datasets", "Kernels", "Messages", "Networks", "Noise",
                "Participant", "Randomness", "Rounds", "Store", "Training", "Updates", grdb, logging,
            ]
        ),
        .testTarget(
            name: "DoorsTests",
            dependencies: [
                "Aggregator", "Cryptography", "Messages", "Participant", "Rounds", "Store", "TestKit", "Updates", grdb,
                logging,
            ],
            path: "Tests/DoorsTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "CrashTests",
            dependencies: [
                "TestKit", "Accounting", "Aggregator", "Cryptography", "Messages", "Participant", "Randomness",
                "Rounds",
                "Store", "Updates", grdb, logging,
            ],
            path: "Tests/CrashTests",
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)
