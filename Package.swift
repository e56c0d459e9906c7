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


let package = Package(
    name: "sotto",
    targets: [
        system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        system("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev"),
        .target(name: "CKernels", path: "Sources/CKernels"),
        room("Kernels", ["COpenBLAS", "CKernels"]),
        room("Cryptography", ["COpenSSL"]),
        room("Randomness", ["Cryptography"]),
        room("Noise", ["Randomness"]),
        room("Accounting", ["Cryptography"]),
        room("Networks", ["Kernels", "Randomness"]),
        .target(name: "TestKit", dependencies: ["Randomness"], path: "Tests/TestKit", swiftSettings: settings),
        suite("Kernels"),
        suite("Cryptography"),
        suite("Randomness"),
        suite("Noise", ["Cryptography", "Randomness"]),
        suite("Accounting", ["Cryptography"]),
        suite("Networks", ["Kernels", "Randomness"]),
    ],
    swiftLanguageModes: [.v6]
)
