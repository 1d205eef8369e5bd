import ERAContracts
import ERACore
import ERARuntime
import Glibc
import Testing

/// Removing takes everything that is ours and nothing that is not.
@Suite struct WorkspaceRemoveTests {
    let scratch: WorkspaceScratch
    let workspace: LocalWorkspace

    init() throws {
        scratch = try WorkspaceScratch()
        workspace = LocalWorkspace(data: scratch.data, secrets: scratch.secrets)
    }

    private func prepared(_ revision: Int = 1) async throws -> String {
        try await workspace.prepare(instance("web", revision: revision), workspaceSpec(), artifact: nil)
            .directory
    }

    @Test func `only the one revision goes, and again is fine`() async throws {
        let first = try await prepared(1)
        let second = try await prepared(2)
        try scratch.write("data/instances/default/web/1/a/b/c", "x")
        try await workspace.remove(instance("web"))
        try await workspace.remove(instance("web"))
        try await workspace.remove(instance("never-there"))
        #expect(scratch.status(first) == nil)
        #expect(scratch.status(second) != nil)
    }

    @Test func `links inside are removed and never followed`() async throws {
        let directory = try await prepared()
        try scratch.write("victim/file", "kept")
        symlink(scratch.path + "/victim", directory + "/link")
        symlink(scratch.path + "/victim/file", directory + "/file")
        try scratch.makeDirectory("data/instances/default/web/1/sub")
        symlink("../../../../../../victim", directory + "/sub/up")
        try await workspace.remove(instance("web"))
        #expect(scratch.status(directory) == nil)
        #expect(scratch.text("victim/file") == "kept")
    }

    @Test func `a directory that a workload swaps for a link while it is removed leads nowhere`() async throws
    {
        try scratch.write("victim/file", "kept")
        let victim = scratch.path + "/victim"
        for _ in 0..<20 {
            let directory = try await prepared()
            for number in 0..<20 { try scratch.write("data/instances/default/web/1/d\(number)/x", "x") }
            let swapping = Task {
                for number in 0..<20 {
                    rename("\(directory)/d\(number)", "\(directory)/e\(number)")
                    symlink(victim, "\(directory)/d\(number)")
                }
            }
            try await workspace.remove(instance("web"))
            await swapping.value
            try await workspace.remove(instance("web"))
            #expect(scratch.text("victim/file") == "kept")
        }
    }

    @Test func `a link in the place of a directory of ours is an error and stays`() async throws {
        try scratch.write("victim/web/1/file", "kept")
        try scratch.makeDirectory("data/instances")
        symlink(scratch.path + "/victim", scratch.data + "/instances/default")
        await #expect(throws: Failure.self) { try await workspace.remove(instance("web")) }
        await #expect(throws: Failure.self) { try await prepared() }
        #expect(scratch.text("victim/web/1/file") == "kept")
    }

    @Test func `a tree of 3000 levels and one without permissions are removed`() async throws {
        let directory = try await prepared()
        // Relative steps: a path of this length is longer than the kernel takes.
        var current = open(directory, O_RDONLY | O_DIRECTORY)
        for _ in 0..<3000 {
            mkdirat(current, "deep", 0o700)
            let next = openat(current, "deep", O_RDONLY | O_DIRECTORY)
            close(current)
            current = next
        }
        close(current)
        try scratch.write("data/instances/default/web/1/closed/inside/file", "x")
        chmod(directory + "/closed/inside", 0)
        chmod(directory + "/closed", 0)
        try await workspace.remove(instance("web"))
        #expect(scratch.status(directory) == nil)
    }

    @Test func `volumes go but those to be retained, and empty directories with them`() async throws {
        let volumes = [
            VolumeSpec(name: try PartName("gone"), mountPath: "g", source: .persistent(retain: false)),
            VolumeSpec(name: try PartName("kept"), mountPath: "k", source: .persistent(retain: true)),
            VolumeSpec(
                name: try PartName("host"),
                mountPath: "h",
                source: .hostPath(path: "/tmp", readOnly: false)
            ),
        ]
        let id = try instance("web")
        _ = try await workspace.prepare(id, workspaceSpec(volumes: volumes), artifact: nil)
        try scratch.write("data/volumes/default/web/gone/file", "x")
        try scratch.write("data/volumes/default/web/kept/file", "x")
        try await workspace.remove(id)
        try await workspace.removeVolumes(id.deployment, volumes)
        #expect(scratch.status("data/volumes/default/web/gone") == nil)
        #expect(scratch.text("data/volumes/default/web/kept/file") == "x")
        #expect(scratch.status("data/instances/default") == nil)
        try await workspace.removeVolumes(id.deployment, [volumes[0]])
        var last = volumes[1]
        last.source = .persistent(retain: false)
        try await workspace.removeVolumes(id.deployment, [last])
        #expect(scratch.status("data/volumes/default") == nil)
    }

    @Test func `the directories of another deployment stay`() async throws {
        _ = try await prepared()
        _ = try await workspace.prepare(instance("other"), workspaceSpec(), artifact: nil)
        try await workspace.remove(instance("web"))
        try await workspace.removeVolumes(instance("web").deployment, [])
        #expect(scratch.status("data/instances/default/web") == nil)
        #expect(scratch.status("data/instances/default/other/1") != nil)
    }
}
