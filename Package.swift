// swift-tools-version: 6.2
import PackageDescription

/// The one place that says how strict the compiler is: every target gets these.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// The shim is Embedded Swift: no runtime, no allocator of its own, one module (ADR 0005).
let embedded: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableExperimentalFeature("Embedded"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-wmo", "-parse-as-library", "-Osize"]),
]

/// BoringSSL, below swift-crypto and NIO, is C++, and the package manager does not always link its runtime.
let cxxRuntime: [LinkerSetting] = [.linkedLibrary("stdc++", .when(platforms: [.linux]))]

/// A library target of this package under `Sources/<name>`.
func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A program of this package that a manifest deploys, under `samples/<folder>`.
func sample(_ name: String, _ folder: String) -> Target {
    .executableTarget(name: name, path: "samples/\(folder)", swiftSettings: strict)
}

/// The test target that belongs to a library or to an aspect of the whole.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        resources: resources,
        swiftSettings: strict,
        linkerSettings: cxxRuntime
    )
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
/// RSA, which `Crypto` leaves out; the name with the underscore is in swift-crypto 3 and 4.
let cryptoExtras = Target.Dependency.product(name: "_CryptoExtras", package: "swift-crypto")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncAlgorithms = Target.Dependency.product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
    name: "era",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "era", targets: ["era"]),
        .executable(name: "era-shim", targets: ["era-shim"]),
        .executable(name: "sample-web", targets: ["sample-web"]),
        .executable(name: "sample-worker", targets: ["sample-worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.3"..<"5.0.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries, and C where Swift cannot.
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CLibArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .target(name: "CLinux"),
        .target(name: "CShim"),

        // The pure part.
        library("ERACore"),
        library("ERAManifest", ["ERACore", "CLibYAML"]),
        library("ERAContracts", ["ERACore"]),
        library("ERAOCI", ["ERACore", "ERAManifest"]),
        library("ERASignature", ["ERACore", "ERAManifest", "CSodium", crypto, cryptoExtras]),

        // What the adapters share of the operating system.
        library("ERALinux", ["CLinux"]),

        // Adapters: each sees the contracts, none sees another.
        library("ERASource", ["ERACore", "ERAContracts", "ERALinux", "CLinux"]),
        library(
            "ERAArtifact",
            [
                "ERACore", "ERAContracts", "ERAManifest", "ERAOCI", "ERASignature", "ERALinux", "CLibArchive",
                "CLinux", httpClient, nioCore, nioHTTP1, nioPosix, nioSSL, crypto,
            ]
        ),
        library(
            "ERAHealth",
            [
                "ERACore", "ERAContracts", "ERALinux", "CLinux", httpClient, nioCore, nioPosix, nioHTTP1,
                nioSSL,
            ]
        ),
        library(
            "ERARuntime",
            ["ERACore", "ERAContracts", "ERAManifest", "ERAOCI", "ERALinux", "CLinux", logging]
        ),
        library("ERAStore", ["ERACore", "ERAContracts", grdb]),

        // The shell, the API on both sides, the command.
        library(
            "ERAEngine",
            ["ERACore", "ERAContracts", "ERAManifest", crypto, logging, lifecycle]
        ),
        library("ERAAPI", ["ERACore", "ERAContracts", "ERAManifest"]),
        library(
            "ERAServer",
            [
                "ERACore", "ERAContracts", "ERAManifest", "ERAAPI", hummingbirdCore, httpTypes,
                asyncAlgorithms, nioCore, nioPosix, logging, lifecycle,
            ]
        ),
        library(
            "ERAClient",
            [
                "ERACore", "ERAContracts", "ERAManifest", "ERAAPI", httpClient, nioCore, nioHTTP1, nioPosix,
            ]
        ),
        library("ERAConformance", ["ERACore", "ERAContracts", "ERAManifest", "ERARuntime"]),
        library("ERATestKit", ["ERACore", "ERAContracts", "ERAManifest", "ERAEngine", logging]),
        .executableTarget(
            name: "era",
            dependencies: [
                "ERACore", "ERAContracts", "ERAManifest", "ERASource", "ERAArtifact", "ERAHealth",
                "ERARuntime", "ERAConformance", "ERAOCI",
                "ERAStore", "ERAEngine", "ERAAPI", "ERAServer", "ERAClient", "CLinux", arguments, logging,
                lifecycle, unixSignals,
            ],
            swiftSettings: strict
        ),
        .executableTarget(name: "era-shim", dependencies: ["CShim"], swiftSettings: embedded),

        // What manifests/ deploys.
        sample("sample-web", "web"),
        sample("sample-worker", "worker"),

        // Tests: one folder a target, then what concerns the whole.
        tests("ERACoreTests", ["ERACore"]),
        tests("ERAManifestTests", ["ERACore", "ERAManifest"]),
        tests("ERAOCITests", ["ERACore", "ERAOCI"]),
        tests(
            "ERASignatureTests",
            ["ERACore", "ERASignature", crypto, cryptoExtras],
            resources: [.copy("Vectors")]
        ),
        tests("ERALinuxTests", ["ERALinux", "CLinux"]),
        tests("ERASourceTests", ["ERACore", "ERAContracts", "ERALinux", "ERASource"]),
        tests(
            "ERAArtifactTests",
            [
                "ERACore", "ERAContracts", "ERAOCI", "ERALinux", "ERAArtifact", "CLibArchive", hummingbird,
                crypto,
            ]
        ),
        tests("ERAHealthTests", ["ERACore", "ERAContracts", "ERAHealth", nioCore, nioPosix, nioSSL]),
        // Not on era-shim, which they run: its Embedded Swift runtime
        // must not be linked into the test bundle.
        tests(
            "ERARuntimeTests",
            ["ERACore", "ERAContracts", "ERAManifest", "ERALinux", "ERARuntime", "CLinux", logging]
        ),
        tests(
            "ERAConformanceTests",
            [
                "ERACore", "ERAContracts", "ERAManifest", "ERAArtifact", "ERARuntime", "ERAConformance",
                logging,
            ]
        ),
        tests("ERAStoreTests", ["ERACore", "ERAContracts", "ERAStore", grdb]),
        tests("ERAEngineTests", ["ERACore", "ERAContracts", "ERAManifest", "ERAEngine", "ERATestKit"]),
        tests("ERAAPITests", ["ERACore", "ERAContracts", "ERAManifest", "ERAAPI"]),
        tests(
            "ERAServerTests",
            ["ERACore", "ERAContracts", "ERAManifest", "ERAAPI", "ERAServer", "ERAClient", logging]
        ),
        tests("SimulationTests", ["ERACore", "ERAContracts", "ERAEngine", "ERATestKit"]),
        tests(
            "eraTests",
            [
                "era", "ERACore", "ERAContracts", "ERAEngine", "ERAAPI", "ERAClient", "ERAManifest",
                "ERATestKit", arguments,
            ]
        ),
        tests("IntegrationTests", ["ERACore", "ERAContracts", "ERAManifest", "ERAAPI", "ERAClient"]),
        tests("TidyTests", ["ERACore", "ERAManifest"]),
    ]
)

// `ERA_ONLY=ERACore,ERACoreTests swift test` keeps these targets and what they need, and asks for no package
// that none of them uses: the package manager would build every test target, whatever the filter says.
if let only = Context.environment["ERA_ONLY"], !only.isEmpty {
    var wanted = Set(only.split(separator: ",").map(String.init))
    var packages: Set<String> = []
    var pending = wanted
    while let name = pending.popFirst() {
        guard let target = package.targets.first(where: { $0.name == name }) else {
            fatalError("ERA_ONLY: there is no target \(name)")
        }
        for dependency in target.dependencies {
            switch dependency {
            case .productItem(_, let package, _, _): packages.formUnion([package].compactMap(\.self))
            case .targetItem(let name, _), .byNameItem(let name, _):
                if wanted.insert(name).inserted { pending.insert(name) }
            @unknown default: fatalError("ERA_ONLY: unknown kind of dependency of \(target.name)")
            }
        }
    }
    package.targets.removeAll { !wanted.contains($0.name) }
    package.products.removeAll { !wanted.contains($0.name) }
    package.dependencies.removeAll { dependency in
        guard case .sourceControl(_, let location, _) = dependency.kind else { return false }
        return !packages.contains { location.hasSuffix("/\($0)") }
    }
}
