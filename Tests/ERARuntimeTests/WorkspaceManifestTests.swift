import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// What lets an instance be known again when the database was lost.
@Suite struct WorkspaceManifestTests {
    let scratch: WorkspaceScratch
    let workspace: LocalWorkspace

    init() throws {
        scratch = try WorkspaceScratch()
        workspace = LocalWorkspace(data: scratch.data, secrets: scratch.secrets)
    }

    private func prepare(_ id: InstanceID) async throws {
        _ = try await workspace.prepare(id, workspaceSpec(), artifact: nil)
    }

    @Test func `a manifest is kept beside its instance, for nobody else to read`() async throws {
        let id = try instance("web", revision: 3)
        try await prepare(id)
        #expect(try await workspace.manifest(of: id) == nil)
        try await workspace.keepManifest("one", of: id)
        #expect(try await workspace.manifest(of: id) == "one")
        #expect(scratch.mode("data/instances/default/web/3/manifest.json") == 0o600)
        try await workspace.keepManifest("another, longer", of: id)
        try await workspace.keepManifest("two", of: id)
        #expect(try await workspace.manifest(of: id) == "two")
        try await workspace.remove(id)
        #expect(try await workspace.manifest(of: id) == nil)
        await #expect(throws: Failure.self) { try await workspace.keepManifest("three", of: id) }
    }

    @Test func `the same manifest again is not written again`() async throws {
        let id = try instance("web")
        try await prepare(id)
        try await workspace.keepManifest("one", of: id)
        let before = try #require(scratch.status("data/instances/default/web/1/manifest.json"))
        try await workspace.keepManifest("one", of: id)
        #expect(scratch.status("data/instances/default/web/1/manifest.json")?.st_ino == before.st_ino)
    }

    @Test func `what is no text, too long, a link or a directory is no manifest`() async throws {
        let id = try instance("web")
        try await prepare(id)
        let path = "data/instances/default/web/1/manifest.json"
        try scratch.write("secret", "not for everybody")
        for make in [
            { write([0x66, 0xFF, 0xFE], to: "\(scratch.path)/\(path)") },
            { write([UInt8](repeating: 0x61, count: 4 << 20), to: "\(scratch.path)/\(path)") },
            { _ = symlink("\(scratch.path)/secret", "\(scratch.path)/\(path)") },
            { _ = mkdir("\(scratch.path)/\(path)", 0o700) },
        ] {
            WorkspaceScratch.remove("\(scratch.path)/\(path)")
            make()
            #expect(try await workspace.manifest(of: id) == nil)
        }
        rmdir("\(scratch.path)/\(path)")
        _ = symlink("\(scratch.path)/secret", "\(scratch.path)/\(path)")
        try await workspace.keepManifest("mine", of: id)
        #expect(scratch.text("secret") == "not for everybody", "the link is replaced, not followed")
        #expect(try await workspace.manifest(of: id) == "mine")
    }

    @Test func `instances are found by their directories, whatever else lies there`() async throws {
        #expect(try await workspace.instances() == [])
        let ids = [
            try instance("web", revision: 2), try instance("web", revision: 10),
            try instance("api", namespace: "team", revision: 1),
        ]
        for id in ids { try await prepare(id) }
        for name in ["default/web/007", "default/web/x", "default/web/-1", "default/No_Name/1", "N/web/1"] {
            try scratch.makeDirectory("data/instances/\(name)")
        }
        #expect(try await workspace.instances() == ids.sorted())
    }

    @Test func `stray files and links hide no instance`() async throws {
        let id = try instance("web")
        try await prepare(id)
        for name in ["notes", "default/notes", "default/web/7"] {
            try scratch.write("data/instances/\(name)", "a file")
        }
        for name in ["link", "default/link", "default/web/8"] {
            symlink("default", "\(scratch.data)/instances/\(name)")
        }
        #expect(try await workspace.instances() == [id])
    }

    @Test func `a directory that cannot be read is an error, not an empty one`() async throws {
        try scratch.write("data/instances", "a file")
        await #expect(throws: Failure.self) { try await workspace.instances() }
    }
}
