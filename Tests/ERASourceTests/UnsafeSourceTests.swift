import ERAContracts
import ERASource
import Glibc
import Testing

/// Manifests that somebody else could have written are refused (reliability, section 3, rule 1).
@Suite struct UnsafeSourceTests {
    let scratch: Scratch
    let source: DirectorySource

    init() throws {
        scratch = try Scratch()
        source = DirectorySource(path: scratch.manifests)
        try scratch.write("m/a.yaml", "a", age: 9)
    }

    /// `m` itself, then a directory above it.
    @Test(arguments: ["m", ""], [0o777, 0o775, 0o1777] as [mode_t])
    func `a directory that others may write is refused`(name: String, mode: mode_t) async throws {
        // Nobody can rename what another user put into a sticky directory.
        let isFine = name.isEmpty && mode == 0o1777
        // Group 1 (daemon) is nobody's private group.
        try scratch.check(
            chown("\(scratch.path)/\(name)", geteuid(), geteuid() == 0 ? 1 : getegid()),
            "chown"
        )
        try scratch.setMode(name, mode)
        if isFine {
            #expect(try await source.snapshot().files.count == 1)
        } else if geteuid() == 0 || mode != 0o775 {
            let error = await #expect(throws: SourceUnavailable.self) { try await source.snapshot() }
            #expect(error?.message.contains("chmod") == true)
        }
        try scratch.setMode(name, 0o755)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give files away"))
    func `a directory or file of another user is refused unless the owner is trusted`() async throws {
        try scratch.check(chown(scratch.manifests, 4321, 0), "chown")
        try scratch.check(chown(scratch.manifests + "/a.yaml", 4321, 0), "chown")
        let error = await #expect(throws: SourceUnavailable.self) { try await source.snapshot() }
        #expect(error?.message.contains("owned by user 4321") == true)
        var options = DirectorySourceOptions()
        options.trustedOwners = [4321]
        let trusting = DirectorySource(path: scratch.manifests, options: options)
        #expect(try await trusting.snapshot().texts == ["a.yaml": "a"])
        try scratch.check(chown(scratch.manifests, 0, 0), "chown")
        #expect(try await source.snapshot().texts["a.yaml"]?.contains("owned by user 4321") == true)
    }

    @Test func `a world-writable file is listed with its problem`() async throws {
        try scratch.setMode("m/a.yaml", 0o646)
        let text = try await source.snapshot().texts["a.yaml"]
        #expect(text?.contains("writable by everybody; take that away (chmod o-w)") == true)
    }

    @Test func `the files of a subdirectory that others may write are listed with its problem`() async throws
    {
        try scratch.makeDirectory("m/sub", mode: 0o777)
        try scratch.makeDirectory("m/sub/deep")
        try scratch.write("m/sub/deep/b.yaml", "b", age: 9)
        let texts = try await source.snapshot().texts
        #expect(texts["a.yaml"] == "a")
        #expect(texts["sub/deep/b.yaml"]?.contains("its directory sub is writable by everybody") == true)
    }

    @Test func `a FIFO and a directory behind a link are listed and never opened`() async throws {
        try scratch.check(mkfifo(scratch.manifests + "/f.yaml", 0o644), "mkfifo")
        try scratch.makeDirectory("m/real")
        try scratch.link("real", "m/d.yaml")
        let texts = try await source.snapshot().texts
        #expect(texts["f.yaml"] == "unreadable: it is not a regular file; remove it")
        #expect(texts["d.yaml"]?.contains("link to a directory") == true)
    }

    @Test(arguments: ["/etc/hostname", "../outside.yaml", "sub/../../outside.yaml"])
    func `a link that leads out of the source is not followed`(target: String) async throws {
        try scratch.makeDirectory("m/sub")
        try scratch.write("outside.yaml", "secret", age: 9)
        try scratch.link(target, "m/l.yaml")
        let text = try await source.snapshot().texts["l.yaml"]
        #expect(text?.contains("leads out of the source") == true)
    }

    @Test func `a link inside the source is followed; a broken or circular one is a problem`() async throws {
        try scratch.makeDirectory("m/.pool")
        try scratch.write("m/.pool/x", "pooled", age: 9)
        try scratch.link(".pool/x", "m/l.yaml")
        try scratch.link("nothing", "m/broken.yaml")
        try scratch.link("circle.yaml", "m/circle.yaml")
        let texts = try await source.snapshot().texts
        #expect(texts["l.yaml"] == "pooled")
        #expect(texts["broken.yaml"]?.contains("link to nothing") == true)
        #expect(texts["circle.yaml"]?.contains("circle") == true)
    }

    @Test func `a root that is a link is followed and the parents of both places are checked`() async throws {
        try scratch.makeDirectory("elsewhere")
        try scratch.link("../m", "elsewhere/link")
        let linked = DirectorySource(path: scratch.path + "/elsewhere/link")
        #expect(try await linked.snapshot().texts == ["a.yaml": "a"])
        try scratch.setMode("elsewhere", 0o777)
        await #expect(throws: SourceUnavailable.self) { try await linked.snapshot() }
    }
}
