import CLinux
public import ERAContracts
import ERACore
import ERALinux
import Glibc

/// The manifests of the newest commit of a git repository.
///
/// Nothing is checked out: a bare repository below the data directory has the commit, and files are read from
/// its objects. Each snapshot asks the repository anew.
///
/// An actor, since the bare repository is one thing for all who ask.
public actor GitSource: ManifestSource {
    /// What a source may hold, and take.
    struct Limits {
        /// Manifests; beyond it the source is unavailable, since a part of it would be a lie.
        var files = 10_000
        /// Bytes of a manifest; beyond it the file is listed as unreadable.
        var fileSize = 1 << 20
        /// Bytes of all manifests together; beyond it the source is unavailable.
        var totalSize = 64 << 20
        /// Bytes of the list of a commit's files.
        var listing = 64 << 20
        /// How long a fetch may be silent.
        var silence = Duration.seconds(60)
        /// Before the bare repository is made anew once more.
        var rebuild = Duration.seconds(600)
        /// Packs of the bare repository before it is packed anew: each commit that is fetched adds one.
        var packs = 30
    }

    /// What the bare repository calls the newest commit.
    private static let head = "refs/era/head"

    public nonisolated let id: SourceID
    private let address: GitAddress
    /// Where the repository is, and its name there.
    private let directory: String
    private let name: String
    private let git: GitProgram
    private let limits: Limits
    private var last: SourceSnapshot?
    private var rebuiltAt: ContinuousClock.Instant?
    private var underway: Task<SourceSnapshot, any Error>?

    /// A source that fetches into a directory of its own below `directory`; fetches nothing yet.
    ///
    /// - Parameters:
    ///   - directory: For the repositories of all sources; absolute.
    ///   - searchPath: Where git is looked for, and what git looks for.
    public init(_ address: GitAddress, directory: String, searchPath: [String]) {
        self.init(address, directory: directory, searchPath: searchPath, limits: Limits())
    }

    init(_ address: GitAddress, directory: String, searchPath: [String], limits: Limits) {
        self.address = address
        self.limits = limits
        id = SourceID(address.description)
        self.directory = directory
        name = ContentHash(Array(address.description.utf8)).text + ".git"
        git = GitProgram(
            path: searchPath.map { "\($0)/git" }.first { access($0, X_OK) == 0 } ?? "/usr/bin/git",
            searchPath: searchPath,
            directory: "\(directory)/\(name)"
        )
    }

    /// - Throws: ``SourceUnavailable``; `CancellationError`.
    public func snapshot() async throws -> SourceSnapshot {
        // One after the other: they share the repository.
        while let underway { _ = await underway.result }
        let task = Task { try await read() }
        underway = task
        defer { underway = nil }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func read() async throws -> SourceSnapshot {
        do {
            return try await readOnce()
        } catch let trouble as GitTrouble {
            // A git that was killed has left a lock, or the disk has damaged something: all of it is there.
            if let rebuiltAt, .now - rebuiltAt < limits.rebuild { throw trouble.unavailable }
            guard try await isThere(), removeRepository() else { throw trouble.unavailable }
            rebuiltAt = .now
            do {
                return try await readOnce()
            } catch let trouble as GitTrouble {
                throw trouble.unavailable
            }
        }
    }

    private func readOnce() async throws -> SourceSnapshot {
        try await makeRepository()
        let commit = try await fetch()
        if let last, last.revision == commit { return last }
        let tree = try await tree(of: commit)
        let snapshot = SourceSnapshot(
            revision: commit,
            files: try await files(of: tree),
            commit: try await describe(commit)
        )
        last = snapshot
        await tidy()
        return snapshot
    }

    /// None: whether there is a newer commit is asked with each look.
    public nonisolated func changes() -> AsyncStream<Void> {
        AsyncStream {
            // Until it is cancelled, which ends the stream.
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            return nil
        }
    }

    // MARK: Git

    private func makeRepository() async throws {
        guard access("\(git.directory)/HEAD", F_OK) != 0 else { return }
        guard access(git.path, X_OK) == 0 else {
            throw SourceUnavailable(
                "there is no git in the PATH of era daemon; install it (apt-get install git)"
            )
        }
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw SourceUnavailable("cannot make the directory \(directory): \(SystemError.last.text)")
        }
        let answer = try await git.run(["init", "--quiet", "--bare", "--template="])
        guard answer.code == 0 else { throw unavailable("make a repository for", answer) }
    }

    /// Whether the other repository answers and has what is asked of it: then the trouble is with ours.
    private func isThere() async throws -> Bool {
        let answer = try await git.run(
            ["ls-remote", "--quiet", "--exit-code", "--end-of-options", address.url, address.reference],
            protocol: address.scheme.rawValue,
            isInRepository: false
        )
        return answer.code == 0
    }

    /// - Returns: Whether it is gone.
    private func removeRepository() -> Bool {
        let parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { return false }
        defer { close(parent) }
        var culprit = [CChar](repeating: 0, count: 256)
        return era_remove_tree(parent, name, &culprit, culprit.count) == 0
    }

    /// - Returns: The newest commit.
    private func fetch() async throws -> String {
        let answer = try await fetched(
            [
                "fetch", "--progress", "--depth=1", "--no-tags", "--force", "--no-write-fetch-head",
                "--no-recurse-submodules", "--end-of-options", address.url,
                "+\(address.reference):\(Self.head)",
            ]
        )
        guard answer.code == 0 else { throw unavailable("fetch", answer) }
        let commit = try await git.run(["rev-parse", "--verify", "--quiet", "\(Self.head)^{commit}"])
        let name = commit.text.filter { !$0.isNewline }
        guard commit.code == 0, name.count >= 40, name.allSatisfy(\.isHexDigit) else {
            throw unavailable("find \(address.reference) in", commit)
        }
        return name
    }

    private func fetched(_ arguments: [String]) async throws -> GitProgram.Answer {
        do {
            return try await git.run(
                arguments,
                protocol: address.scheme.rawValue,
                within: limits.silence,
                isTalking: true
            )
        } catch {
            // What a git that was killed has fetched is a part, which nobody would remove.
            _ = removeRepository()
            throw error
        }
    }

    private func tree(of commit: String) async throws -> GitTree {
        if !address.path.isEmpty {
            let entry = try await git.run(["ls-tree", "-z", "--full-tree", commit, "--", address.path])
            guard entry.code == 0 else { throw unavailable("read the directories of", entry) }
            guard entry.text.contains(" tree ") else {
                throw SourceUnavailable(
                    "there is no directory \(address.path) in commit \(commit.prefix(12))"
                )
            }
        }
        let answer = try await git.run(
            ["ls-tree", "-r", "-z", "-l", "--full-tree", "\(commit):\(address.path)"],
            outputLimit: limits.listing
        )
        guard answer.code == 0 else { throw unavailable("list", answer) }
        return try GitTree(listing: answer.output, limits: limits)
    }

    private func files(of tree: GitTree) async throws -> [SourceFile] {
        // With nothing to read git would be left without its input.
        guard !tree.blobs.isEmpty else { return try tree.files([]) }
        let answer = try await git.run(
            ["cat-file", "--batch"],
            input: tree.request,
            // Each has a line before it.
            outputLimit: limits.totalSize + tree.blobs.count * 128
        )
        guard answer.code == 0 else { throw unavailable("read", answer) }
        do {
            return try tree.files(answer.output)
        } catch {
            throw GitTrouble(unavailable: error)
        }
    }

    /// Nil where it says what makes no sense: nothing depends on it.
    private func describe(_ commit: String) async throws -> SourceCommit? {
        let answer = try await git.run(
            ["show", "--no-patch", "--no-notes", "--no-show-signature", "--format=%an%x00%ct%x00%s", commit]
        )
        let parts = answer.output.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard answer.code == 0, parts.count == 3, let seconds = Int64(parts[1]) else { return nil }
        return SourceCommit(
            author: String(parts[0].prefix(SourceCommit.textLimit)),
            committedAt: WallTime(sinceEpoch: .seconds(seconds)),
            subject: String(parts[2].filter { !$0.isNewline }.prefix(SourceCommit.textLimit))
        )
    }

    /// Drops what earlier commits have left, now and then.
    private func tidy() async {
        guard countOfPacks > limits.packs else { return }
        // Only room is at stake, and the next commit tries again.
        _ = try? await git.run(["gc", "--quiet", "--prune=now"])
    }

    private var countOfPacks: Int {
        guard let stream = opendir("\(git.directory)/objects/pack") else { return 0 }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        return count / 2
    }

    private func unavailable(_ attempt: String, _ answer: GitProgram.Answer) -> GitTrouble {
        let why = answer.why.isEmpty ? "git ended with exit code \(answer.code)" : answer.why
        return GitTrouble(
            unavailable: SourceUnavailable("cannot \(attempt) \(address): \(why)\(GitAdvice.text(why))")
        )
    }
}

/// What git could not do, with either repository.
private struct GitTrouble: Error {
    let unavailable: SourceUnavailable
}

/// What to do about what git says.
enum GitAdvice {
    /// Begins with a semicolon; empty where git says it all.
    static func text(_ why: String) -> String {
        let advice: [(String, String)] = [
            ("find remote ref", "there is no such branch: name another after #"),
            ("could not read Username", "it wants a password, or is not there"),
            ("Host key verification failed", "add the host to the known_hosts of ERA's user"),
            ("Permission denied (publickey", "give the key of ERA's user access to it"),
            ("dubious ownership", "give it to ERA's user"),
        ]
        return advice.first { why.contains($0.0) }.map { "; \($0.1)" } ?? ""
    }
}
