import ERAContracts
import ERACore
import ERARuntime
import Glibc
import Testing

/// What is prepared can be asked for without preparing it.
@Suite struct WorkspaceExistingTests {
    let scratch: WorkspaceScratch
    let workspace: LocalWorkspace

    init() throws {
        scratch = try WorkspaceScratch()
        workspace = LocalWorkspace(data: scratch.data, secrets: scratch.secrets)
    }

    private func spec() throws -> DeploymentSpec {
        let sources: [(String, VolumeSpec.Source)] = [
            ("state", .persistent(retain: true)), ("host", .hostPath(path: "/tmp", readOnly: true)),
            ("scratch", .tmpfs(sizeLimit: ByteCount(4096))), ("keys", .secret(name: try PartName("api"))),
        ]
        return try workspaceSpec(
            env: [EnvironmentVariable(name: "V", source: .secret(name: PartName("api"), key: "token"))],
            volumes: sources.map {
                VolumeSpec(name: try PartName($0.0), mountPath: $0.0, source: $0.1)
            }
        )
    }

    @Test func `it is what was prepared, with the secrets of now, and nothing is written`() async throws {
        try scratch.write("secrets/api/token", "one")
        let id = try instance("web")
        let prepared = try await workspace.prepare(id, spec(), artifact: nil)
        #expect(try await workspace.existing(id, spec(), artifact: nil) == prepared)
        try scratch.write("secrets/api/token", "two")
        let existing = try await workspace.existing(id, spec(), artifact: nil)
        #expect(existing.environment.map(\.value.revealed) == ["two"])
        #expect(scratch.text("data/instances/default/web/1/secrets/keys/token") == "one")
    }

    @Test func `what is not prepared stays so`() async throws {
        try scratch.write("secrets/api/token", "one")
        let id = try instance("web")
        await #expect(throws: Failure.self) { try await workspace.existing(id, spec(), artifact: nil) }
        #expect(scratch.status("data/instances") == nil)
        _ = try await workspace.prepare(id, spec(), artifact: nil)
        try await workspace.remove(id)
        await #expect(throws: Failure.self) { try await workspace.existing(id, spec(), artifact: nil) }
        #expect(scratch.status("data/instances/default/web/1") == nil)
    }
}
