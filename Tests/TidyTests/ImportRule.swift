extension Rule {
    /// What each module may import: the directions of docs/architecture.md, with the libraries of each.
    ///
    /// The core sees the standard library alone; the contracts and the manifests see the
    /// core; an adapter sees the contracts and never another adapter; the engine never sees
    /// an adapter; only the command composes.
    static let allowedImports: [String: Set<String>] = [
        "ERACore": [],
        "ERAContracts": ["ERACore"],
        "ERAManifest": ["ERACore", "CLibYAML"],
        "ERAOCI": ["ERACore", "ERAManifest"],
        "ERASignature": modules(
            ["ERACore", "ERAManifest", "CSodium", "Crypto", "_CryptoExtras"],
            plain
        ),
        "ERALinux": ["CLinux", "Dispatch", "Glibc", "Synchronization"],
        "ERASource": modules(contracts, system),
        "ERAArtifact": modules(
            contracts,
            system,
            httpClient,
            ["ERAManifest", "ERAOCI", "ERASignature", "CLibArchive", "Crypto"]
        ),
        "ERAHealth": modules(contracts, system, httpClient),
        "ERARuntime": modules(contracts, system, ["ERAManifest", "ERAOCI", "Logging"]),
        "ERAStore": modules(contracts, system, ["GRDB"]),
        "ERAEngine": modules(
            ["ERACore", "ERAContracts", "ERAManifest"],
            plain,
            ["Crypto", "Logging", "Metrics", "ServiceLifecycle"]
        ),
        "ERAAPI": modules(["ERACore", "ERAContracts", "ERAManifest"], plain),
        "ERAServer": modules(
            ["ERACore", "ERAContracts", "ERAManifest", "ERAAPI"],
            system,
            [
                "AsyncAlgorithms", "HummingbirdCore", "HTTPTypes", "NIOCore", "NIOPosix", "Logging",
                "ServiceLifecycle",
            ]
        ),
        "ERAClient": modules(["ERACore", "ERAContracts", "ERAManifest", "ERAAPI"], system, httpClient),
        "ERAConformance": modules(["ERACore", "ERAContracts", "ERAManifest", "ERARuntime"], system),
        "ERATestKit": modules(["ERACore", "ERAContracts", "ERAManifest", "ERAEngine"], plain, ["Logging"]),
        "era": modules(
            [
                "ERACore", "ERAContracts", "ERAManifest", "ERASource", "ERAArtifact", "ERAHealth",
                "ERARuntime", "ERAConformance", "ERAOCI",
            ],
            ["ERAStore", "ERAEngine", "ERAAPI", "ERAServer", "ERAClient"],
            system,
            ["ArgumentParser", "Logging", "ServiceLifecycle", "UnixSignals"]
        ),
        "era-shim": ["CShim"],
        "web": ["Glibc"],
        "worker": ["Glibc"],
    ]

    private static let contracts: Set<String> = ["ERACore", "ERAContracts"]
    private static let plain: Set<String> = ["Synchronization", "FoundationEssentials"]
    /// Dispatch, for calls that block: they must not hold the threads of Swift's concurrency.
    private static let system: Set<String> = [
        "Glibc", "CLinux", "ERALinux", "Synchronization", "FoundationEssentials", "Dispatch",
    ]
    private static let httpClient: Set<String> = [
        "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL",
    ]

    private static func modules(_ sets: Set<String>...) -> Set<String> {
        sets.reduce([]) { $0.union($1) }
    }

    static let imports = Rule(
        name: "imports go one way",
        applies: { path in path.hasSuffix(".swift") && module(of: path) != nil },
        violations: { file in
            guard let module = module(of: file.path) else { return [] }
            guard let allowed = allowedImports[module] else {
                let message = "the module \(module) has no row in the table of imports"
                return [Violation(path: file.path, line: nil, message: message)]
            }
            return file.swiftLines.enumerated().compactMap { index, line in
                guard let imported = importedModule(line.code), !allowed.contains(imported) else {
                    return nil
                }
                let message = "\(module) must not import \(imported)"
                return Violation(path: file.path, line: index + 1, message: message)
            }
        },
        planted: [
            TextFile(path: "Sources/ERACore/X.swift", text: "import FoundationEssentials"),
            TextFile(
                path: "Sources/ERACore/X.swift",
                text: "  @preconcurrency public import struct ERAStore.X"
            ),
            TextFile(path: "Sources/ERAHealth/X.swift", text: "import ERARuntime"),
            TextFile(path: "Sources/ERAEngine/X.swift", text: "internal import ERAStore"),
            TextFile(path: "Sources/ERAServer/X.swift", text: "import Foundation"),
            TextFile(path: "Sources/Unknown/X.swift", text: ""),
        ],
        innocent: [
            TextFile(path: "Sources/ERACore/X.swift", text: "// import Foundation\nlet important = 1"),
            TextFile(path: "Sources/ERAHealth/X.swift", text: "public import ERACore\nimport NIOCore"),
        ]
    )

    /// The directory below `Sources` or `samples`.
    private static func module(of path: String) -> String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" || parts[0] == "samples" else { return nil }
        return String(parts[1])
    }

    /// The module of `@attribute access import kind Module.symbol`; nil for any other line.
    private static func importedModule(_ code: String) -> String? {
        let words = code.split(separator: " ")
        guard let keyword = words.firstIndex(of: "import"),
            words[..<keyword].allSatisfy({ $0.hasPrefix("@") || accessWords.contains($0) })
        else { return nil }
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        return words[(keyword + 1)...].first { !kinds.contains($0) }?
            .split(separator: ".").first.map(String.init)
    }

    private static let accessWords: Set<Substring> = [
        "public", "package", "internal", "fileprivate", "private",
    ]
}
