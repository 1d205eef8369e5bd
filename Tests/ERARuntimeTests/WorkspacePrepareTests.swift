import ERAContracts
import ERACore
import ERARuntime
import Glibc
import Testing

/// What an instance finds before it starts, and who may see it.
@Suite struct WorkspacePrepareTests {
    let scratch: WorkspaceScratch
    let workspace: LocalWorkspace

    init() throws {
        scratch = try WorkspaceScratch()
        workspace = LocalWorkspace(data: scratch.data, secrets: scratch.secrets)
    }

    private func volume(_ name: String, _ source: VolumeSpec.Source) throws -> VolumeSpec {
        VolumeSpec(name: try PartName(name), mountPath: name, source: source)
    }

    private func secretVariable(_ name: String, _ key: String) throws -> EnvironmentVariable {
        EnvironmentVariable(name: "V", source: .secret(name: try PartName(name), key: key))
    }

    private func code(_ spec: DeploymentSpec, namespace: String = "default") async throws -> Failure.Code? {
        await #expect(throws: Failure.self) {
            try await workspace.prepare(instance("web", namespace: namespace), spec, artifact: nil)
        }?.code
    }

    @Test func `an instance has a directory of its own that nobody else may enter`() async throws {
        let artifact = StoredArtifact(
            digest: try Digest("sha256:" + String(repeating: "a", count: 64)),
            size: ByteCount(1),
            path: "/blob",
            name: "web.tar.gz"
        )
        let id = try instance("web", namespace: "team", revision: 7)
        let prepared = try await workspace.prepare(id, workspaceSpec(), artifact: artifact)
        #expect(prepared.directory == "\(scratch.data)/instances/team/web/7")
        #expect(prepared.artifact?.path == "/blob")
        #expect(prepared.artifact?.name == "web.tar.gz")
        for directory in ["data/instances", "data/instances/team", "data/instances/team/web/7"] {
            #expect(scratch.mode(directory) == 0o700)
        }
        #expect(try await workspace.prepare(id, workspaceSpec(), artifact: artifact) == prepared)
    }

    @Test func `the environment keeps its order and holds secrets without their last newline`() async throws {
        try scratch.write("secrets/default/api/token", "s3cret\n\n")
        let spec = try workspaceSpec(env: [
            EnvironmentVariable(name: "B", source: .value("1")),
            EnvironmentVariable(name: "A", source: .secret(name: PartName("api"), key: "token")),
        ])
        let prepared = try await workspace.prepare(instance("web"), spec, artifact: nil)
        #expect(prepared.environment.map(\.name) == ["B", "A"])
        #expect(prepared.environment.map(\.value.revealed) == ["1", "s3cret\n"])
        #expect(!"\(prepared)".contains("s3cret"))
    }

    @Test func `a namespaced secret comes first and only the default namespace reads without one`()
        async throws
    {
        try scratch.write("secrets/api/token", "short")
        let spec = try workspaceSpec(env: [secretVariable("api", "token")])
        func value(_ namespace: String) async throws -> String? {
            try await workspace.prepare(instance("web", namespace: namespace), spec, artifact: nil)
                .environment.first?.value.revealed
        }
        #expect(try await value("default") == "short")
        #expect(try await code(spec, namespace: "team") == .secretMissing)
        try scratch.write("secrets/default/api/token", "long")
        #expect(try await value("default") == "long")
    }

    @Test func `one namespace does not reach the secrets of another`() async throws {
        try scratch.write("secrets/prod/api/token", "prod")
        #expect(try await code(workspaceSpec(env: [secretVariable("prod", "api")])) == .secretMissing)
        let volume = try volume("s", .secret(name: PartName("prod")))
        #expect(try await code(workspaceSpec(volumes: [volume])) == .secretMissing)
    }

    @Test func `a missing secret names the file to make`() async throws {
        let spec = try workspaceSpec(env: [secretVariable("api", "token")])
        let failure = await #expect(throws: Failure.self) {
            try await workspace.prepare(instance("web"), spec, artifact: nil)
        }
        #expect(failure?.code == .secretMissing)
        #expect(failure?.message.contains("\(scratch.secrets)/default/api/token") == true)
    }

    @Test(arguments: ["", ".", "..", "../../default/api/token", "a/b", "a\u{0}", ".hidden", "/etc/passwd"])
    func `a key that is no file name is refused`(key: String) async throws {
        try scratch.write("secrets/default/api/token", "s")
        #expect(
            try await code(workspaceSpec(env: [secretVariable("api", key)])).map(\.rawValue)
                == "SecretRefused"
        )
    }

    @Test func `of hidden files, only the logins of registries are a key`() async throws {
        try scratch.write("secrets/default/registry/.dockerconfigjson", "{}")
        try scratch.write("secrets/default/registry/.token.swp", "s")
        #expect(
            try await workspace.secret(PartName("registry"), in: .default) == [".dockerconfigjson": "{}"]
        )
    }

    @Test(arguments: [0o604, 0o606, 0o602] as [mode_t])
    func `a secret that is open to everybody is refused`(mode: mode_t) async throws {
        try scratch.write("secrets/default/api/token", "s", mode: mode)
        #expect(
            try await code(workspaceSpec(env: [secretVariable("api", "token")])).map(\.rawValue)
                == "SecretRefused"
        )
    }

    @Test func `a secret behind a link that leaves the directory is refused`() async throws {
        try scratch.write("outside", "s")
        try scratch.makeDirectory("secrets/default/api")
        symlink("../../../outside", scratch.secrets + "/default/api/token")
        symlink("/etc/hostname", scratch.secrets + "/default/api/other")
        for key in ["token", "other"] {
            #expect(
                try await code(workspaceSpec(env: [secretVariable("api", key)])).map(\.rawValue)
                    == "SecretRefused"
            )
        }
    }

    @Test func `a secret of Kubernetes' layout, and one that is no text or too large`() async throws {
        try scratch.write("secrets/default/api/..1/token", "linked")
        symlink("..1", scratch.secrets + "/default/api/..data")
        symlink("..data/token", scratch.secrets + "/default/api/token")
        try scratch.write("secrets/default/api/binary", "a\u{0}b")
        try scratch.write("secrets/default/api/large", String(repeating: "x", count: 1 << 20 + 1))
        let spec = try workspaceSpec(env: [secretVariable("api", "token")])
        let prepared = try await workspace.prepare(instance("web"), spec, artifact: nil)
        #expect(prepared.environment.first?.value.revealed == "linked")
        for key in ["binary", "large"] {
            #expect(
                try await code(workspaceSpec(env: [secretVariable("api", key)])).map(\.rawValue)
                    == "SecretRefused"
            )
        }
    }

    @Test func `a secret volume has one closed file per key and follows the secret`() async throws {
        try scratch.write("secrets/default/api/a", "1\n")
        try scratch.write("secrets/default/api/b", "2")
        let spec = try workspaceSpec(volumes: [volume("keys", .secret(name: PartName("api")))])
        let prepared = try await workspace.prepare(instance("web"), spec, artifact: nil)
        let place = try #require(prepared.volumes.first).hostPath
        #expect(prepared.volumes.first?.isReadOnly == true)
        #expect(scratch.mode(place) == 0o700)
        #expect(scratch.mode(place + "/a") == 0o400)
        #expect(scratch.text(place + "/a") == "1\n")
        try scratch.write("secrets/default/api/a", "new")
        unlink(scratch.secrets + "/default/api/b")
        _ = try await workspace.prepare(instance("web"), spec, artifact: nil)
        #expect(scratch.text(place + "/a") == "new")
        #expect(scratch.status(place + "/b") == nil)
    }

    @Test func `a link that a workload puts in the place of a secret is replaced, not followed`() async throws
    {
        try scratch.write("secrets/default/api/a", "secret")
        try scratch.write("victim", "untouched")
        let spec = try workspaceSpec(volumes: [volume("keys", .secret(name: PartName("api")))])
        let prepared = try await workspace.prepare(instance("web"), spec, artifact: nil)
        let place = try #require(prepared.volumes.first).hostPath
        unlink(place + "/a")
        symlink(scratch.path + "/victim", place + "/a")
        symlink(scratch.path + "/victim", place + "/.era-new")
        _ = try await workspace.prepare(instance("web"), spec, artifact: nil)
        #expect(scratch.text("victim") == "untouched")
        #expect(scratch.text(place + "/a") == "secret")
        WorkspaceScratch.remove(place)
        try scratch.makeDirectory("elsewhere")
        symlink(scratch.path + "/elsewhere", place)
        #expect(try await code(spec) == .fileSystemError)
        #expect(scratch.status("elsewhere/a") == nil)
    }

    @Test func `persistent and memory volumes are made, and a persistent one outlives revisions`()
        async throws
    {
        let spec = try workspaceSpec(volumes: [
            volume("state", .persistent(retain: false)), volume("cache", .tmpfs(sizeLimit: ByteCount(4096))),
        ])
        let first = try await workspace.prepare(instance("web"), spec, artifact: nil)
        #expect(
            first.volumes.map(\.hostPath) == [
                "\(scratch.data)/volumes/default/web/state",
                "\(scratch.data)/instances/default/web/1/volumes/cache",
            ]
        )
        #expect(first.volumes[1].tmpfs?.sizeLimit == ByteCount(4096))
        #expect(scratch.mode(first.volumes[0].hostPath) == 0o700)
        try scratch.write("data/volumes/default/web/state/kept", "k")
        let second = try await workspace.prepare(instance("web", revision: 2), spec, artifact: nil)
        #expect(second.volumes[0].hostPath == first.volumes[0].hostPath)
        #expect(scratch.text("data/volumes/default/web/state/kept") == "k")
    }

    @Test func `a path of the host must be there and absolute`() async throws {
        let good = try volume("h", .hostPath(path: scratch.path, readOnly: true))
        let prepared = try await workspace.prepare(
            instance("web"),
            workspaceSpec(volumes: [good]),
            artifact: nil
        )
        #expect(prepared.volumes.first?.hostPath == scratch.path)
        #expect(prepared.volumes.first?.isReadOnly == true)
        for path in [scratch.path + "/none", "relative", "/a\u{0}"] {
            let bad = try volume("h", .hostPath(path: path, readOnly: false))
            #expect(try await code(workspaceSpec(volumes: [bad])) == .fileSystemError)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func `another user owns its volumes and can pass to them`() async throws {
        try scratch.write("secrets/default/api/a", "1")
        let spec = try workspaceSpec(
            volumes: [
                volume("state", .persistent(retain: false)), volume("keys", .secret(name: PartName("api"))),
            ],
            user: "nobody"
        )
        let prepared = try await workspace.prepare(instance("web"), spec, artifact: nil)
        for volume in prepared.volumes {
            #expect(scratch.status(volume.hostPath)?.st_uid == 65_534)
            #expect(scratch.mode(volume.hostPath) == 0o700)
        }
        #expect(scratch.status(prepared.volumes[1].hostPath + "/a")?.st_uid == 65_534)
        #expect(scratch.mode("data") == 0o711)
        #expect(scratch.mode("data/instances/default/web/1") == 0o711)
        #expect(scratch.status("data/instances/default/web/1")?.st_uid == 0)
    }

    @Test func `a user that does not exist is a permanent failure`() async throws {
        #expect(try await code(workspaceSpec(user: "no-such-user")) == .userMissing)
    }
}
