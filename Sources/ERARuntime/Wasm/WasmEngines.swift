internal import ERACore
internal import ERALinux
internal import Glibc
internal import Synchronization

/// The engines that this host has, found in the search path.
///
/// A class, because it remembers what an engine said of its version, as long as its file is the same.
final class WasmEngines: Sendable {
    /// How long an engine may take to tell its version.
    static let versionLimit = Duration.seconds(10)

    /// An engine, or why a file of its name is none.
    private typealias Answer = Result<WasmEngine, Failure>

    private let searchPath: [String]
    /// By path; nil while an engine is asked for the first time.
    private let answers = Mutex<[String: (identity: String, answer: Answer?)]>([:])

    init(searchPath: [String]) { self.searchPath = searchPath }

    /// The engine to use now.
    ///
    /// - Parameter kind: The only one that will do; nil for the preferred one that is there.
    /// - Throws: ``Failure``, `Unsupported` when there is none; `CancellationError`.
    func find(_ kind: WasmEngine.Kind?) async throws -> WasmEngine {
        let kinds = kind.map { [$0] } ?? WasmEngine.Kind.allCases
        guard let found = first(of: kinds) else { throw Self.missing(kinds) }
        return try await answer(found).get()
    }

    /// What is known of the engine that ``find(_:)`` would give, without waiting for it.
    ///
    /// One that is not known yet is asked meanwhile: the next who looks is told more.
    var summary: String {
        guard let found = first(of: WasmEngine.Kind.allCases) else {
            return "none: \(Self.missing(WasmEngine.Kind.allCases).message)"
        }
        let (isNew, answer) = answers.withLock { answers -> (Bool, Answer?) in
            if let known = answers[found.path], known.identity == found.identity {
                return (false, known.answer)
            }
            answers[found.path] = (found.identity, nil)
            return (true, nil)
        }
        switch answer {
        case .success(let engine): return engine.summary
        case .failure(let failure): return failure.message
        case nil:
            // Nobody waits for it; what comes of it is kept.
            if isNew { Task { try await self.answer(found) } }
            return "\(found.kind.rawValue), \(found.path), which is being asked for its version"
        }
    }

    /// A file that has the name of an engine.
    private struct Found {
        let kind: WasmEngine.Kind
        let path: String
        let identity: String
    }

    private func first(of kinds: [WasmEngine.Kind]) -> Found? {
        for kind in kinds {
            for directory in searchPath {
                let path = "\(directory)/\(kind.rawValue)"
                guard let identity = Self.identity(path) else { continue }
                return Found(kind: kind, path: path, identity: identity)
            }
        }
        return nil
    }

    private static func missing(_ kinds: [WasmEngine.Kind]) -> Failure {
        let names = kinds.map(\.rawValue).joined(separator: " or ")
        return .permanent(
            .unsupported,
            "there is no \(names) in the PATH of era daemon to run modules; install wasmtime 14 or newer, "
                + "or the Swift toolchain, which has wasmkit"
        )
    }

    /// What an engine said of its version, or says now.
    ///
    /// - Throws: ``Failure``, where its file says nothing of why: the next who asks may fare better.
    private func answer(_ found: Found) async throws -> Answer {
        let known = answers.withLock { $0[found.path] }
        if let known, known.identity == found.identity, let answer = known.answer { return answer }
        do {
            let tool = HostTool(found.path, searchPath: searchPath)
            let answer = Self.answer(try await tool.run(["--version"], within: Self.versionLimit), found)
            answers.withLock { $0[found.path] = (found.identity, answer) }
            return answer
        } catch {
            answers.withLock { if $0[found.path]?.answer == nil { $0[found.path] = nil } }
            throw error
        }
    }

    private static func answer(_ outcome: HostTool.Outcome, _ found: Found) -> Answer {
        guard outcome.status.isSuccess else {
            return .failure(silent(found.path, "ended with \(outcome.status)"))
        }
        guard let version = WasmEngine.version(outcome.output) else {
            return .failure(silent(found.path, "says no version"))
        }
        return .success(
            WasmEngine(kind: found.kind, path: found.path, version: version, identity: found.identity)
        )
    }

    private static func silent(_ path: String, _ what: String) -> Failure {
        .permanent(.unsupported, "asked for its version, \(path) \(what); install it anew, or take it away")
    }

    /// What tells a file from another in its place; nil where there is none that may be executed.
    static func identity(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, access(path, X_OK) == 0 else {
            return nil
        }
        let time = status.st_mtim
        return "\(status.st_dev) \(status.st_ino) \(status.st_size) \(time.tv_sec).\(time.tv_nsec)"
    }
}
