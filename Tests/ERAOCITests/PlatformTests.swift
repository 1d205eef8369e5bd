import ERACore
import ERAOCI
import Testing

@Suite struct PlatformTests {
    private static func index(_ platforms: [Platform?], type: MediaType = .imageManifest) throws -> ImageIndex
    {
        let entries = platforms.enumerated().map { index, platform in
            let variant = (platform?.variant).map { #","variant":"\#($0)""# } ?? ""
            let text = platform.map {
                #","platform":{"os":"\#($0.os)","architecture":"\#($0.architecture)"\#(variant)}"#
            }
            let digest = Digest(.sha256, bytes: Array(repeating: UInt8(index), count: 32))
            return #"{"mediaType":"\#(type)","size":1,"digest":"\#(digest)"\#(text ?? "")}"#
        }
        let text = #"{"schemaVersion":2,"manifests":[\#(entries.joined(separator: ","))]}"#
        guard case .index(let index) = try ManifestDocument(Array(text.utf8)) else {
            throw OCIError.malformed("not an index")
        }
        return index
    }

    private static let amd64 = Platform(os: "linux", architecture: "amd64")
    private static let arm64 = Platform(os: "linux", architecture: "arm64")
    private static let armV7 = Platform(os: "linux", architecture: "arm", variant: "v7")
    private static let armV6 = Platform(os: "linux", architecture: "arm", variant: "v6")
    private static let armV5 = Platform(os: "linux", architecture: "arm", variant: "v5")
    private static let attestation = Platform(os: "unknown", architecture: "unknown")

    /// The machine, what is offered, and which of them is chosen.
    static let choices: [(Platform, [Platform?], Int)] = [
        (amd64, [arm64, amd64], 1),
        // Of equals the first.
        (amd64, [amd64, amd64], 0),
        // The best that the machine can run, wherever it stands.
        (armV7, [armV5, armV6], 1), (armV7, [armV7, armV6], 0), (armV6, [armV7, armV5], 1),
        // What names no variant is of the usual one.
        (Platform(os: "linux", architecture: "arm64", variant: "v8"), [armV7, arm64], 1),
        (arm64, [Platform(os: "linux", architecture: "arm64", variant: "v8")], 0),
        // A level above the machine's is passed over.
        (amd64, [Platform(os: "linux", architecture: "amd64", variant: "v3"), amd64], 1),
        // Attestations stand beside images.
        (amd64, [attestation, amd64, attestation], 1),
        // An index within an index often says nothing.
        (amd64, [nil], 0), (amd64, [arm64, nil], 1),
    ]

    @Test(arguments: choices)
    func `the best fit is chosen`(_ machine: Platform, _ offered: [Platform?], _ chosen: Int) throws {
        let index = try Self.index(offered)
        #expect(try index.choose(for: machine) == index.manifests[chosen])
    }

    @Test(
        arguments: [
            [], [arm64], [nil, nil], [Platform(os: "windows", architecture: "amd64")], [attestation],
            [Platform(os: "linux", architecture: "amd64", variant: "v4")],
        ] as [[Platform?]]
    )
    func `where nothing fits, it is said what there is`(_ offered: [Platform?]) throws {
        let index = try Self.index(offered)
        #expect {
            try index.choose(for: Self.amd64)
        } throws: { error in
            guard case .platformMissing(let text) = error as? OCIError else { return false }
            return text.contains("linux/amd64")
                && offered.allSatisfy {
                    $0 == nil || $0?.os == "unknown" || text.contains("\($0?.description ?? "")")
                }
        }
    }

    @Test func `an entry that is no manifest is not chosen`() throws {
        let wasm = try #require(MediaType(rawValue: "application/wasm"))
        #expect(throws: OCIError.self) { try Self.index([Self.amd64], type: wasm).choose(for: Self.amd64) }
    }

    @Test func `the third index inside others, and a circle, are refused`() throws {
        let (first, second, third) = (
            try Self.index([Self.amd64], type: .imageIndex), try Self.index([Self.arm64, Self.amd64]),
            try Self.index([Self.amd64])
        )
        var path = ManifestPath()
        _ = try path.enter(first, for: Self.amd64)
        _ = try path.enter(second, for: Self.amd64)
        #expect(throws: OCIError.self) { try path.enter(third, for: Self.amd64) }
        var circle = ManifestPath()
        _ = try circle.enter(first, for: Self.amd64)
        #expect {
            try circle.enter(first, for: Self.amd64)
        } throws: {
            if case .contradiction = $0 as? OCIError { true } else { false }
        }
    }
}

@Suite struct ImageConfigTests {
    private static let text = """
        {"architecture":"amd64","os":"linux","config":{"User":"65532:65532","ExposedPorts":{"8080/tcp":{},"53/udp":{}},
        "Env":["PATH=/bin","A="],"Entrypoint":["/app"],"Cmd":["--port","8080"],"Volumes":{"/data":{}},
        "WorkingDir":"/srv","StopSignal":"SIGQUIT","Labels":{"a":"b"}},
        "rootfs":{"type":"layers","diff_ids":["\(digest("1"))","\(digest("2"))"]},"history":[{"x":1}]}
        """

    @Test func `everything that a container runtime needs is read`() throws {
        let config = try ImageConfig(bytes(Self.text))
        #expect(config.platform == Platform(os: "linux", architecture: "amd64"))
        #expect(config.diffIDs == [digest("1"), digest("2")])
        #expect(config.entrypoint == ["/app"])
        #expect(config.command == ["--port", "8080"])
        #expect(config.environment == ["PATH=/bin", "A="])
        #expect(config.user == "65532:65532")
        #expect(config.workingDirectory == "/srv")
        #expect(config.volumes == ["/data"])
        #expect(config.exposedPorts == ["53/udp", "8080/tcp"])
        #expect(config.stopSignal == "SIGQUIT")
        #expect(config.labels == ["a": "b"])
    }

    @Test func `what an image does not say is nothing`() throws {
        let text =
            #"{"architecture":"arm","variant":"v7","os":"linux","config":null,"rootfs":{"diff_ids":null}}"#
        let config = try ImageConfig(bytes(text))
        #expect(config.platform.description == "linux/arm/v7")
        #expect(config.entrypoint == nil && config.command == nil && config.user == nil)
        #expect(config.diffIDs.isEmpty && config.environment.isEmpty && config.volumes.isEmpty)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"os":"linux","architecture":"amd64"}"#,
        text.replacing("sha256", with: "sha1"), text.replacing(#"["/app"]"#, with: #""/app""#),
        text.replacing(#""A=""#, with: #""A=\u0000""#), text.replacing(#"{"/data":{}}"#, with: #"["/data"]"#),
    ])
    func `what is no configuration is refused`(_ text: String) {
        #expect(throws: OCIError.self) { try ImageConfig(bytes(text)) }
    }

    @Test func `a configuration of another number of layers is refused`() throws {
        let config = try ImageConfig(bytes(Self.text))
        guard case .manifest(let two) = try ManifestDocument(bytes(manifest(""))),
            case .manifest(let one) = try ManifestDocument(bytes(manifest("", layers: layer("1"))))
        else { return }
        try config.check(against: two)
        #expect(throws: OCIError.self) { try config.check(against: one) }
    }

    @Test func `a configuration above the limit is refused`() {
        let padding = [UInt8](repeating: 0x20, count: OCILimits.configSizeLimit)
        #expect(throws: OCIError.self) { try ImageConfig(bytes(Self.text) + padding) }
    }
}
