import ERAContracts
import ERASource
import Glibc
import Testing

/// What a single look at a directory says.
@Suite struct SnapshotTests {
    let scratch: Scratch
    let source: DirectorySource

    init() throws {
        scratch = try Scratch()
        source = DirectorySource(path: scratch.manifests)
    }

    @Test func `manifests of all endings and subdirectories are listed by path`() async throws {
        try scratch.makeDirectory("m/team")
        try scratch.makeDirectory("m/team/web.yaml")
        try scratch.write("m/b.yml", "b", age: 9)
        try scratch.write("m/a.yaml", "a", age: 9)
        try scratch.write("m/team/c.json", "c", age: 9)
        try scratch.write("m/team/web.yaml/d.yaml", "d", age: 9)
        let snapshot = try await source.snapshot()
        #expect(snapshot.files.map(\.path) == ["a.yaml", "b.yml", "team/c.json", "team/web.yaml/d.yaml"])
        #expect(snapshot.texts["team/c.json"] == "c")
        #expect(source.id.rawValue == "directory:\(scratch.manifests)")
    }

    @Test(arguments: [
        ".x.yaml.swp", "x.yaml~", "4913", ".#x.yaml", "x.yaml.bak", "#x.yaml#", ".x.yaml", "README.md",
        "yaml",
        ".yaml", "x.yaml.tmp", "x.YAML.orig", "..2026_01_01.yaml",
    ])
    func `what editors leave is passed by`(name: String) async throws {
        try scratch.write("m/\(name)", "broken: [", age: 9)
        #expect(try await source.snapshot().files.isEmpty)
    }

    @Test func `hidden directories are passed by`() async throws {
        try scratch.makeDirectory("m/.git")
        try scratch.write("m/.git/x.yaml", "x", age: 9)
        #expect(try await source.snapshot().files.isEmpty)
    }

    @Test func `equal content has an equal revision and any difference another one`() async throws {
        try scratch.write("m/a.yaml", "a", age: 9)
        try scratch.write("m/b.yaml", "b", age: 9)
        let first = try await source.snapshot()
        #expect(try await source.snapshot() == first)
        #expect(try await DirectorySource(path: scratch.manifests).snapshot().revision == first.revision)
        try scratch.write("m/b.yaml", "c", age: 9)
        let second = try await source.snapshot()
        #expect(second.revision != first.revision)
        try scratch.rename("m/b.yaml", "m/c.yaml")
        #expect(try await source.snapshot().revision != second.revision)
    }

    @Test func `a change that keeps size and modification time is seen`() async throws {
        try scratch.write("m/a.yaml", "1", age: 9)
        #expect(try await source.snapshot().texts == ["a.yaml": "1"])
        try scratch.write("m/a.yaml", "2", age: 9)
        #expect(try await source.snapshot().texts == ["a.yaml": "2"])
    }

    @Test func `a file that was written just now is read when nobody watches`() async throws {
        try scratch.write("m/a.yaml", "a")
        #expect(try await source.snapshot().texts == ["a.yaml": "a"])
    }

    @Test func `a file of the size limit is read and a larger one is listed with its problem`() async throws {
        var options = DirectorySourceOptions()
        options.fileSizeLimit = 10
        try scratch.write("m/a.yaml", "0123456789", age: 9)
        try scratch.write("m/b.yaml", "01234567890", age: 9)
        let texts = try await DirectorySource(path: scratch.manifests, options: options).snapshot().texts
        #expect(texts["a.yaml"] == "0123456789")
        #expect(texts["b.yaml"] == "unreadable: it is larger than 10 bytes; split it")
    }

    @Test func `the size limit is one mebibyte`() async throws {
        try scratch.write("m/a.yaml", String(repeating: "a", count: 1 << 20), age: 9)
        try scratch.write("m/b.yaml", String(repeating: "a", count: 1 << 20 + 1), age: 9)
        let texts = try await source.snapshot().texts
        #expect(texts["a.yaml"]?.utf8.count == 1 << 20)
        #expect(texts["b.yaml"]?.hasPrefix("unreadable: it is larger than 1048576 bytes") == true)
    }

    @Test func `too many files, entries or bytes make the source unavailable, never smaller`() async throws {
        for name in ["a", "b", "c"] { try scratch.write("m/\(name).yaml", "12", age: 9) }
        for change: (inout DirectorySourceOptions) -> Void in [
            { $0.fileLimit = 2 }, { $0.entryLimit = 2 }, { $0.totalSizeLimit = 5 },
        ] {
            var options = DirectorySourceOptions()
            change(&options)
            let limited = DirectorySource(path: scratch.manifests, options: options)
            await #expect(throws: SourceUnavailable.self) { try await limited.snapshot() }
        }
    }

    @Test func `a directory deeper than the limit is listed as a problem`() async throws {
        var options = DirectorySourceOptions()
        options.depthLimit = 1
        try scratch.makeDirectory("m/a")
        try scratch.makeDirectory("m/a/b")
        try scratch.write("m/a/x.yaml", "x", age: 9)
        try scratch.write("m/a/b/y.yaml", "y", age: 9)
        let texts = try await DirectorySource(path: scratch.manifests, options: options).snapshot().texts
        #expect(texts["a/x.yaml"] == "x")
        #expect(texts["a/b"]?.contains("more than 1 directories deep") == true)
        #expect(texts.count == 2)
    }

    @Test func `a missing directory is unavailable and says what to do`() async throws {
        let missing = DirectorySource(path: scratch.manifests + "/none")
        let error = await #expect(throws: SourceUnavailable.self) { try await missing.snapshot() }
        #expect(error?.message.contains("mkdir -p") == true)
    }

    @Test func `a file in place of the directory is unavailable`() async throws {
        try scratch.write("m/a.yaml", "a")
        let file = DirectorySource(path: scratch.manifests + "/a.yaml")
        await #expect(throws: SourceUnavailable.self) { try await file.snapshot() }
    }

    @Test(.enabled(if: geteuid() != 0, "root reads everything"))
    func `an unreadable subdirectory makes the source unavailable and an unreadable file does not`()
        async throws
    {
        try scratch.write("m/a.yaml", "a", age: 9)
        try scratch.setMode("m/a.yaml", 0)
        #expect(
            try await source.snapshot().texts["a.yaml"]?.hasPrefix("unreadable: it cannot be read") == true
        )
        try scratch.makeDirectory("m/sub", mode: 0)
        await #expect(throws: SourceUnavailable.self) { try await source.snapshot() }
        try scratch.setMode("m/sub", 0o755)
    }

    @Test func `a file name that is not UTF-8 is listed with its problem`() async throws {
        let path = (scratch.manifests + "/").utf8CString.dropLast() + [-1] + ".yaml".utf8CString
        let descriptor = Array(path).withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { creat($0, 0o644) } ?? -1
        }
        try #require(descriptor >= 0)
        close(descriptor)
        defer { _ = Array(path).withUnsafeBufferPointer { bytes in bytes.baseAddress.map { unlink($0) } } }
        let files = try await source.snapshot().files
        #expect(files.map(\.content) == [.unreadable("its name is not UTF-8; rename it")])
    }
}
