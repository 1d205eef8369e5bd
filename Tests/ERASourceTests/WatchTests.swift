import ERAContracts
import ERASource
import Glibc
import Testing

/// What a watched directory tells while people and programs work in it.
@Suite(.timeLimit(.minutes(2))) struct WatchTests {
    let scratch: Scratch
    let source: DirectorySource

    init() throws {
        scratch = try Scratch()
        source = DirectorySource(path: scratch.manifests)
    }

    @Test func `a renamed-in file acts at once`() async throws {
        var following = try await Following(source)
        try await following.until { $0.files.isEmpty }
        try scratch.write("new.yaml", "n")
        try scratch.rename("new.yaml", "m/new.yaml")
        // Well below the settle time and the rescans: only the event can have
        // done it, and the file counts at once.
        let seen = try await following.until { !$0.files.isEmpty }
        #expect(seen.last?.texts == ["new.yaml": "n"])
    }

    @Test func `a file that is closed after writing acts at once`() async throws {
        var following = try await Following(source)
        try await following.until { $0.files.isEmpty }
        try scratch.write("m/new.yaml", "n")
        let seen = try await following.until { $0.isSettled && !$0.files.isEmpty }
        #expect(seen.last?.texts == ["new.yaml": "n"])
    }

    @Test func `a file that is still open for writing is unsettled, and whole once it is closed`()
        async throws
    {
        try scratch.write("m/a.yaml", "whole", age: 9)
        var following = try await Following(source)
        try await following.until { $0.texts == ["a.yaml": "whole"] }
        var writer: Writer? = try Writer(scratch.manifests + "/a.yaml")
        try writer?.write("ha")
        #expect(try await source.snapshot().texts == ["a.yaml": "…"])
        // Longer than a file may settle that nobody was seen to write.
        try await Task.sleep(for: .milliseconds(300))
        #expect(try await source.snapshot().texts == ["a.yaml": "…"])
        try writer?.write("lf")
        writer = nil
        let seen = try await following.until { $0.isSettled }
        #expect(seen.last?.texts == ["a.yaml": "half"])
    }

    @Test func `a file that stays open counts when nobody has written for the longer settle time`()
        async throws
    {
        var options = DirectorySourceOptions()
        options.openSettleTime = .milliseconds(300)
        let source = DirectorySource(path: scratch.manifests, options: options)
        var following = try await Following(source)
        let writer = try Writer(scratch.manifests + "/a.yaml")
        try writer.write("held")
        try await following.until(.seconds(20)) { $0.texts == ["a.yaml": "held"] }
        withExtendedLifetime(writer) {}
    }

    @Test func `pieces that are appended and closed one by one are each a state`() async throws {
        var following = try await Following(source)
        for count in 1...3 {
            try Writer(scratch.manifests + "/a.yaml", append: true).write("x")
            try await following.until { $0.texts == ["a.yaml": String(repeating: "x", count: count)] }
        }
    }

    @Test func `saving as vim does never shows the file as deleted`() async throws {
        try scratch.write("m/a.yaml", "old", age: 9)
        var following = try await Following(source)
        try await following.until { $0.texts == ["a.yaml": "old"] }
        try scratch.write("m/4913", "")
        scratch.remove("m/4913")
        try scratch.rename("m/a.yaml", "m/a.yaml~")
        // The worst moment for a snapshot.
        #expect(try await source.snapshot().texts == ["a.yaml": "…"])
        try scratch.write("m/a.yaml", "new")
        scratch.remove("m/a.yaml~")
        let seen = try await following.until { $0.texts == ["a.yaml": "new"] }
        #expect(seen.allSatisfy { $0.files.map(\.path) == ["a.yaml"] })
    }

    @Test func `a deleted file is gone after the settle time`() async throws {
        try scratch.write("m/a.yaml", "a", age: 9)
        var following = try await Following(source)
        try await following.until { $0.files.count == 1 }
        scratch.remove("m/a.yaml")
        #expect(try await source.snapshot().texts == ["a.yaml": "…"])
        try await following.until { $0.files.isEmpty }
    }

    @Test func `a renamed file is never under both names, and under its new one at once`() async throws {
        try scratch.write("m/a.yaml", "same", age: 9)
        var following = try await Following(source)
        try await following.until { $0.files.count == 1 }
        try scratch.rename("m/a.yaml", "m/b.yaml")
        let seen = try await following.until { $0.texts["b.yaml"] != nil }
        #expect(seen.allSatisfy { $0.files.count == 1 })
        #expect(seen.last?.texts == ["b.yaml": "same"])
    }

    @Test func `copying 500 files makes few snapshots and the last holds all`() async throws {
        var following = try await Following(source)
        for number in 0..<500 { try scratch.write("m/\(number).yaml", "content \(number)") }
        let seen = try await following.until { $0.files.count == 500 && $0.isSettled }
        #expect(seen.count < 50)
    }

    @Test func `a directory that is renamed in is seen and watched`() async throws {
        try scratch.makeDirectory("team")
        try scratch.makeDirectory("team/deep")
        try scratch.write("team/deep/a.yaml", "a", age: 9)
        var following = try await Following(source)
        try scratch.rename("team", "m/team")
        try await following.until { $0.texts == ["team/deep/a.yaml": "a"] }
        try scratch.write("m/team/deep/b.yaml", "b")
        try await following.until { $0.texts == ["team/deep/a.yaml": "a", "team/deep/b.yaml": "b"] }
        try scratch.rename("m/team", "gone")
        try await following.until { $0.files.isEmpty }
    }

    @Test func `new directories are watched before a hint can miss what is in them`() async throws {
        var following = try await Following(source)
        try scratch.makeDirectory("m/x")
        try scratch.makeDirectory("m/x/y")
        try scratch.write("m/x/y/a.yaml", "a")
        try await following.until { $0.texts == ["x/y/a.yaml": "a"] }
        scratch.remove("m/x")
        try await following.until { $0.files.isEmpty }
    }

    @Test func `a swap of the ConfigMap's data link changes all files at once`() async throws {
        for (version, text) in [("..1", "one"), ("..2", "two")] {
            try scratch.makeDirectory("m/\(version)")
            try scratch.write("m/\(version)/a.yaml", text, age: 9)
            try scratch.write("m/\(version)/b.yaml", text, age: 9)
        }
        try scratch.link("..1", "m/..data")
        try scratch.link("..data/a.yaml", "m/a.yaml")
        try scratch.link("..data/b.yaml", "m/b.yaml")
        var following = try await Following(source)
        try await following.until { $0.texts == ["a.yaml": "one", "b.yaml": "one"] }
        try scratch.link("..2", "m/..data_tmp")
        try scratch.rename("m/..data_tmp", "m/..data")
        let seen = try await following.until { $0.texts["a.yaml"] == "two" }
        #expect(seen.allSatisfy { Set($0.texts.values).count == 1 })
    }

    @Test func `a directory that is removed is unavailable and comes back`() async throws {
        try scratch.write("m/a.yaml", "a", age: 9)
        var following = try await Following(source)
        try await following.until { $0.files.count == 1 }
        scratch.remove("m")
        try await following.nextHint()
        await #expect(throws: SourceUnavailable.self) { try await source.snapshot() }
        try scratch.makeDirectory("m")
        try scratch.write("m/b.yaml", "b")
        while (try? await source.snapshot().texts) != ["b.yaml": "b"] { try await following.nextHint() }
        try scratch.write("m/c.yaml", "c")
        try await following.until { $0.texts == ["b.yaml": "b", "c.yaml": "c"] }
    }

    @Test func `a directory that appears with its parents is noticed`() async throws {
        let source = DirectorySource(path: scratch.path + "/later/m")
        var following = try await Following(source)
        try scratch.makeDirectory("later")
        try scratch.makeDirectory("later/m")
        try scratch.write("later/m/a.yaml", "a")
        while (try? await source.snapshot().texts) != ["a.yaml": "a"] { try await following.nextHint() }
    }

    @Test func `a root link that is swapped leads to the other directory`() async throws {
        try scratch.makeDirectory("other")
        try scratch.write("m/a.yaml", "a", age: 9)
        try scratch.write("other/b.yaml", "b", age: 9)
        try scratch.link("m", "current")
        let source = DirectorySource(path: scratch.path + "/current")
        var following = try await Following(source)
        try await following.until { $0.texts == ["a.yaml": "a"] }
        try scratch.link("other", "next")
        try scratch.rename("next", "current")
        try await following.until { $0.texts == ["b.yaml": "b"] }
        try scratch.write("other/c.yaml", "c")
        try await following.until { $0.texts == ["b.yaml": "b", "c.yaml": "c"] }
    }

    @Test func `a file whose mode is mended is read at once`() async throws {
        try scratch.write("m/a.yaml", "a", age: 9)
        try scratch.setMode("m/a.yaml", 0o666)
        var following = try await Following(source)
        try await following.until { $0.texts["a.yaml"]?.hasPrefix("unreadable") == true }
        try scratch.setMode("m/a.yaml", 0o644)
        try await following.until { $0.texts["a.yaml"] == "a" }
    }
}
