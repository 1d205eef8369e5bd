import ERAContracts
import ERALinux
import Foundation
import Testing

@testable import ERASource

/// Real repositories, by the git of this machine.
@Suite(.enabled(if: GitHost.isThere, "there is no git"), .timeLimit(.minutes(2)))
struct GitSourceTests {
    @Test func `the manifests of the newest commit are what it holds, and who made it`() async throws {
        let host = try GitHost()
        try await host.commit(["web.yaml": "a", "sub/b.yml": "b", "README.md": "no", ".hidden/c.yaml": "no"])
        let source = try host.source()
        let first = try await source.snapshot()
        #expect(first.files.map(\.path) == ["sub/b.yml", "web.yaml"])
        #expect(first.files.map(\.content) == [.bytes(Array("b".utf8)), .bytes(Array("a".utf8))])
        #expect(first.commit?.author == "Ada")
        #expect(first.commit?.subject == "First words")
        #expect(try await source.snapshot() == first)

        try await host.commit(["web.yaml": "a2"])
        try await host.git("rm", "-q", "sub/b.yml")
        try await host.commit([:])
        let second = try await source.snapshot()
        #expect(second.revision != first.revision)
        #expect(second.files == [SourceFile(path: "web.yaml", content: .bytes(Array("a2".utf8)))])
        // Another process finds the same.
        #expect(try await host.source().snapshot() == second)
    }

    @Test func `a branch and a directory are taken by their names`() async throws {
        let host = try GitHost()
        try await host.commit(["a.yaml": "main", "hosts/edge/b.yaml": "edge"])
        try await host.git("checkout", "-q", "-b", "next")
        try await host.commit(["a.yaml": "next"])
        try await host.git("tag", "v1")
        #expect(try await text(host.source("#next"), "a.yaml") == "next")
        #expect(try await text(host.source("#main"), "a.yaml") == "main")
        #expect(try await text(host.source("#refs/tags/v1"), "a.yaml") == "next")
        let edge = try await host.source("#main:hosts/edge").snapshot()
        #expect(edge.files.map(\.path) == ["b.yaml"])
    }

    @Test func `a force-push and an emptied branch are what counts`() async throws {
        let host = try GitHost()
        try await host.commit(["a.yaml": "1"])
        let source = try host.source()
        _ = try await source.snapshot()
        try await host.git("checkout", "-q", "--orphan", "other")
        try await host.commit(["a.yaml": "other"])
        try await host.git("branch", "-M", "main")
        #expect(try await text(source, "a.yaml") == "other")
        try await host.git("rm", "-q", "a.yaml")
        try await host.git("commit", "-q", "--allow-empty", "-m", "empty")
        #expect(try await source.snapshot().files == [])
    }

    @Test func `what is missing leaves the source unavailable, and says what`() async throws {
        let host = try GitHost()
        try await host.commit(["a.yaml": "1"])
        for (fragment, why) in [("#absent", "no such branch"), ("#main:absent", "no directory absent")] {
            let problem = await #expect(throws: SourceUnavailable.self) {
                try await host.source(fragment).snapshot()
            }
            #expect(problem?.message.contains(why) == true, "\(problem?.message ?? "")")
        }
        let source = try host.source()
        _ = try await source.snapshot()
        try FileManager.default.moveItem(atPath: host.repository, toPath: host.repository + "-away")
        await #expect(throws: SourceUnavailable.self) { try await source.snapshot() }
        try FileManager.default.moveItem(atPath: host.repository + "-away", toPath: host.repository)
        #expect(try await text(source, "a.yaml") == "1")
        // What it keeps may go at any time.
        try FileManager.default.removeItem(atPath: host.cache)
        #expect(try await text(source, "a.yaml") == "1")
    }

    @Test func `a commit may say what it likes of its date and author`() async throws {
        let host = try GitHost()
        try await host.commit(["a.yaml": "1"])
        let source = try host.source()
        _ = try await source.snapshot()
        for date in ["9223372036854775807", "99999999999999", "0"] {
            let script = """
                tree=$(git -C "$0" rev-parse HEAD^{tree}); who="A\u{1B}[31m B <a@b> \(date) +0000"
                commit=$(printf 'tree %s\\nauthor %s\\ncommitter %s\\n\\nx\\n' "$tree" "$who" "$who" \
                    | git -C "$0" hash-object -t commit -w --literally --stdin)
                git -C "$0" update-ref refs/heads/main "$commit"
                """
            let program = ChildProgram(
                ["/bin/sh"],
                arguments: ["sh", "-ec", script, host.repository],
                environment: ["PATH=/usr/bin:/bin", "HOME=\(host.root)"]
            )
            let outcome = try await program.run(within: .seconds(60), outputLimit: 1000)
            try #require(outcome.end == .code(0), "\(String(decoding: outcome.output, as: UTF8.self))")
            #expect(try await text(source, "a.yaml") == "1")
        }
    }

    @Test func `links and large files are refused by name, submodules are passed by`() async throws {
        let host = try GitHost()
        try FileManager.default.createSymbolicLink(
            atPath: host.repository + "/link.yaml",
            withDestinationPath: "/etc/passwd"
        )
        try await host.commit(["a.yaml": "1", "large.yaml": String(repeating: "x", count: 1 << 20) + "x"])
        try await host.git("update-index", "--add", "--cacheinfo", "160000,\(host.head()),module.yaml")
        try await host.git("commit", "-q", "-m", "module")
        let files = try await host.source().snapshot().files
        #expect(files.map(\.path) == ["a.yaml", "large.yaml", "link.yaml"])
        guard case .unreadable(let large) = files[1].content, case .unreadable(let link) = files[2].content
        else {
            return #expect(Bool(false), "they are read")
        }
        #expect(large.contains("larger than"))
        #expect(link.contains("symbolic link"))
    }

    @Test func `nothing of the machine's or the repository's settings is executed`() async throws {
        let host = try GitHost()
        let mark = host.root + "/mark"
        try await host.commit(["a.yaml": "1", ".gitattributes": "*.yaml filter=bad diff=bad\n"])
        let source = try host.source()
        _ = try await source.snapshot()
        let hook = "#!/bin/sh\ntouch \(mark)\n"
        for directory in [try host.bare() + "/hooks", host.repository + "/.git/hooks"] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            for name in ["post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"] {
                try hook.write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755],
                    ofItemAtPath: "\(directory)/\(name)"
                )
            }
        }
        try FileManager.default.removeItem(atPath: host.repository + "/.git/hooks/reference-transaction")
        try await host.commit(["a.yaml": "2"])
        #expect(try await text(source, "a.yaml") == "2")
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test func `what a killed git or a bad disk has left is made anew`() async throws {
        let host = try GitHost()
        try await host.commit(["a.yaml": "1"])
        var limits = GitSource.Limits()
        limits.rebuild = .zero
        let source = try host.source(limits: limits)
        #expect(try await text(source, "a.yaml") == "1")
        for name in ["shallow.lock", "refs/era/head.lock"] {
            try "".write(toFile: "\(host.bare())/\(name)", atomically: true, encoding: .utf8)
            try await host.commit(["a.yaml": name])
            #expect(try await text(source, "a.yaml") == name)
        }
        let objects = try host.bare() + "/objects/pack"
        for pack in try FileManager.default.contentsOfDirectory(atPath: objects) {
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600],
                ofItemAtPath: "\(objects)/\(pack)"
            )
            try "garbage".write(toFile: "\(objects)/\(pack)", atomically: false, encoding: .utf8)
        }
        #expect(try await text(host.source(), "a.yaml") == "refs/era/head.lock")

        // Not again and again: who is told the same each time has another trouble.
        let patient = try host.source()
        for isFirst in [true, false] {
            try "".write(toFile: "\(host.bare())/shallow.lock", atomically: true, encoding: .utf8)
            try await host.commit(["a.yaml": "\(isFirst)"])
            if isFirst {
                #expect(try await text(patient, "a.yaml") == "true")
            } else {
                await #expect(throws: SourceUnavailable.self) { try await patient.snapshot() }
            }
        }
    }

    @Test func `many commits leave a small repository`() async throws {
        let host = try GitHost()
        var limits = GitSource.Limits()
        limits.packs = 3
        try await host.commit(["a.yaml": "0"])
        let source = try host.source(limits: limits)
        for number in 1...12 {
            try await host.commit(["a.yaml": "\(number)"])
            #expect(try await text(source, "a.yaml") == "\(number)")
        }
        let packs = try FileManager.default.contentsOfDirectory(atPath: host.bare() + "/objects/pack")
        #expect(packs.count { $0.hasSuffix(".pack") } <= 5)
    }

    @Test func `who asks at the same time is answered one after the other`() async throws {
        let host = try GitHost()
        try await host.commit(["a.yaml": "1"])
        let source = try host.source()
        let snapshots = try await withThrowingTaskGroup(of: SourceSnapshot.self) { group in
            for _ in 0..<8 { group.addTask { try await source.snapshot() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(snapshots.count == 8 && Set(snapshots.map(\.revision)).count == 1)
    }

    private func text(_ source: GitSource, _ path: String) async throws -> String {
        let file = try await source.snapshot().files.first { $0.path == path }
        guard case .bytes(let bytes)? = file?.content else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A repository with a work tree, and a place for a source to fetch it to.
struct GitHost {
    static let searchPath = ["/usr/local/bin", "/usr/bin", "/bin"]
    static let isThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/git")

    private let scratch: Scratch
    var root: String { scratch.path }
    var repository: String { root + "/repository" }
    var cache: String { root + "/sources" }

    init() throws {
        scratch = try Scratch()
        try scratch.makeDirectory("repository")
    }

    func source(_ fragment: String = "", limits: GitSource.Limits = .init()) throws -> GitSource {
        let address = try GitAddress("git+file://\(repository)\(fragment)")
        return GitSource(address, directory: cache, searchPath: Self.searchPath, limits: limits)
    }

    /// The one bare repository that a source has made.
    func bare() throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: cache)
        return "\(cache)/\(try #require(names.first))"
    }

    /// Writes files and commits everything.
    func commit(_ files: [String: String]) async throws {
        if !FileManager.default.fileExists(atPath: repository + "/.git") {
            try await git("init", "-q", "-b", "main")
        }
        for (path, text) in files {
            let file = URL(filePath: "\(repository)/\(path)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        try await git("add", "-A")
        try await git("commit", "-q", "-m", "First words\n\nMore of them.")
    }

    func head() async throws -> String { try await git("rev-parse", "HEAD").filter(\.isHexDigit) }

    @discardableResult
    func git(_ arguments: String...) async throws -> String {
        let program = ChildProgram(
            ["/usr/bin/git"],
            arguments: ["git", "-C", repository] + arguments,
            environment: [
                "PATH=/usr/bin:/bin", "HOME=\(root)", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada",
                "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=Ada",
                "GIT_COMMITTER_EMAIL=ada@example.org",
            ]
        )
        let outcome = try await program.run(within: .seconds(60), outputLimit: 1 << 16)
        let text = String(decoding: outcome.output, as: UTF8.self)
        try #require(outcome.end == .code(0), "git \(arguments): \(text)")
        return text
    }
}
