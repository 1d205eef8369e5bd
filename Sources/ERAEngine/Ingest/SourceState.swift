import ERAContracts
import ERACore
import ERAManifest

/// A source as it was last read.
struct SourceState: Sendable {
    /// A file, parsed, and what of it counts.
    struct File: Sendable {
        /// The bytes that `parsed` was made of: equal bytes are not parsed again.
        var bytes: [UInt8]
        var problems: [String]
        /// The deployments of its last version without errors.
        var deployments: [Deployment]
        /// The latest version cannot be used: it has errors, is unreadable, or still is being written.
        var isUnusable: Bool
        /// Nobody has seen what it declares: it is unreadable or still being written since it was first seen.
        var isUnknown = false
        /// The source gives it out again when it has been left alone for a moment.
        var isSettling = false
        /// Names that the latest version mentions.
        var mentioned: [DeploymentKey]

        /// Why it cannot be used, in one line; nil where it can, or is still being written.
        var refusal: Substring? {
            isUnusable ? problems.first?.split(separator: "\n").first : nil
        }
    }

    let source: any ManifestSource
    var revision: String?
    var commit: SourceCommit?
    var readAt: WallTime?
    var unavailable: String?
    var files: [String: File] = [:]
    var planProblems: [IngestPlan.Problem] = []
    var held: [DeploymentKey] = []
    var blocked: [DeploymentKey] = []
    var confirmed: Set<DeploymentKey> = []
    /// When what the source had given up was deleted without a person's word. A new process begins anew: what
    /// it finds missing it judges by the same rule against what is left.
    var prunedAt: [DeploymentKey: Uptime] = [:]
    /// Raised to have it read.
    let due = Signal()
    /// Finished when it has been read.
    var waiters: [AsyncStream<Never>.Continuation] = []
    /// It has been read, or found unavailable, at least once.
    var wasRead = false
    /// How often the inputs of plans had changed when it was last planned; nil where it never was.
    var plannedFrom: Int?

    init(_ source: any ManifestSource) { self.source = source }

    mutating func takeWaiters() -> [AsyncStream<Never>.Continuation] {
        defer { waiters = [] }
        return waiters
    }

    /// The files of a snapshot; what is unchanged or cannot be used now is taken from before.
    static func parse(_ snapshot: SourceSnapshot, before: [String: File]) -> [String: File] {
        var files: [String: File] = [:]
        for file in snapshot.files {
            let earlier = before[file.path]
            switch file.content {
            case .bytes(let bytes):
                if let earlier, !earlier.bytes.isEmpty, earlier.bytes == bytes {
                    files[file.path] = earlier
                } else {
                    files[file.path] = parse(bytes, file.path, earlier)
                }
            case .unreadable(let why):
                files[file.path] = unusable(earlier, ["\(file.path): error: \(why)"])
            case .unsettled:
                files[file.path] = unusable(earlier, earlier?.problems ?? [])
                files[file.path]?.isSettling = true
            }
        }
        return files
    }

    private static func parse(_ bytes: [UInt8], _ path: String, _ earlier: File?) -> File {
        let manifest = ManifestFile(reading: bytes, file: path)
        return File(
            bytes: bytes,
            problems: manifest.diagnostics.map(\.rendered),
            deployments: manifest.hasErrors ? earlier?.deployments ?? [] : manifest.entries.map(\.deployment),
            isUnusable: manifest.hasErrors,
            mentioned: manifest.keysSeen
        )
    }

    private static func unusable(_ earlier: File?, _ problems: [String]) -> File {
        File(
            bytes: [],
            problems: problems,
            deployments: earlier?.deployments ?? [],
            isUnusable: true,
            isUnknown: earlier?.isUnknown ?? true,
            mentioned: earlier?.mentioned ?? []
        )
    }

    /// Deletions that wait for a person.
    var unconfirmed: [DeploymentKey] { (held + blocked).sorted() }
    /// Deletions that wait: for a person, or confirmed and for a file that is being written.
    var waiting: [DeploymentKey] { Set(held + blocked).union(confirmed).sorted() }

    /// What was pruned lately, at a time; what is older, or has come back, is forgotten.
    mutating func recentlyPruned(at now: Uptime) -> Set<DeploymentKey> {
        let back = Set(files.values.flatMap(\.deployments).map(\.key))
        prunedAt = prunedAt.filter { now - $0.value <= pruneWindow && !back.contains($0.key) }
        return Set(prunedAt.keys)
    }

    /// Remembers what was deleted without a person's word. What is new makes up for as many that went: who
    /// replaces deployments by others, however many one after the other, does not lose them.
    mutating func notePruned(_ keys: [DeploymentKey], added: Int, at now: Uptime) {
        for key in keys { prunedAt[key] = now }
        let oldest = prunedAt.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        for (key, _) in oldest.prefix(added) { prunedAt[key] = nil }
    }

    var declared: [IngestPlan.Wanted] {
        files.sorted { $0.key < $1.key }.flatMap { path, file in
            file.deployments.map { IngestPlan.Wanted(deployment: $0, path: path) }
        }
    }

    /// Why what was declared last of a deployment does not count, in one line.
    ///
    /// - Parameter isKnown: Whether there is a deployment, which stays as it was declared before.
    func problemsByKey(_ isKnown: (DeploymentKey) -> Bool) -> [DeploymentKey: String] {
        var problems: [DeploymentKey: String] = [:]
        for (_, file) in files.sorted(by: { $0.key < $1.key }) {
            guard let line = file.refusal else { continue }
            for key in file.deployments.map(\.key) + file.mentioned {
                let rest = isKnown(key) ? "; what was declared before stays" : ""
                problems[key] = problems[key] ?? "\(line)\(rest): era sources"
            }
        }
        for problem in planProblems {
            guard let key = problem.key else { continue }
            problems[key] = problems[key] ?? "\(problem.path): \(problem.message)"
        }
        for key in unconfirmed {
            problems[key] = problems[key] ?? "no longer declared, and not deleted before: era prune --confirm"
        }
        return problems
    }

    /// Why a file says nothing that counts about what it declared once, in one line: nobody can
    /// tell whether it still does.
    func problem(ofFile path: String?) -> String? {
        guard let path, let line = files[path]?.refusal else { return nil }
        return "\(line); it may still declare this deployment, which stays as it is: era sources"
    }

    func status() -> SourceStatus {
        SourceStatus(
            id: source.id,
            revision: revision,
            commit: commit,
            readAt: readAt,
            unavailable: unavailable,
            files: files.sorted { $0.key < $1.key }.map { path, file in
                SourceStatus.File(
                    path: path,
                    deployments: file.deployments.map(\.key),
                    problems: file.problems + planProblems.filter { $0.path == path }.map(\.message),
                    isSettling: file.isSettling
                )
            },
            heldPrunes: waiting
        )
    }
}
