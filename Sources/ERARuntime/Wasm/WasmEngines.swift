internal import ERACore
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
    private let queue = BlockingQueue(label: "era.wasm")
    private let answers = Mutex<[String: (identity: String, answer: Answer)]>([:])

    init(searchPath: [String]) { self.searchPath = searchPath }

    /// The engine to use now.
    ///
    /// - Parameter kind: The only one that will do; nil for the preferred one that is there.
    /// - Throws: ``Failure`` `Unsupported` when there is none.
    func find(_ kind: WasmEngine.Kind?) async throws -> WasmEngine {
        try await blocking { _ in try self.look(kind) }
    }

    /// Runs what waits for a program or the disk where that disturbs nobody.
    ///
    /// - Parameter body: Is told when the caller is cancelled.
    func blocking<Value: Sendable>(
        _ body: @escaping @Sendable (ToolRun.Cancellation) throws -> Value
    ) async throws -> Value {
        let cancellation = ToolRun.Cancellation()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { try body(cancellation) }) }
            }
        } onCancel: {
            cancellation.request()
        }
    }

    /// What is known of the engine that ``find(_:)`` would give, without waiting for it.
    ///
    /// One that is not known yet is asked meanwhile: the next who looks is told more.
    var summary: String {
        for kind in WasmEngine.Kind.allCases {
            for directory in searchPath {
                let path = "\(directory)/\(kind.rawValue)"
                guard let identity = Self.identity(path) else { continue }
                if let known = answers.withLock({ $0[path] }), known.identity == identity {
                    switch known.answer {
                    case .success(let engine): return engine.summary
                    case .failure(let failure): return failure.message
                    }
                }
                queue.async { _ = self.answer(kind, path, identity) }
                return "\(kind.rawValue), \(path), which is being asked for its version"
            }
        }
        return "none: \(Self.missing(WasmEngine.Kind.allCases).message)"
    }

    /// As ``find(_:)``; blocks.
    func look(_ kind: WasmEngine.Kind? = nil) throws -> WasmEngine {
        let kinds = kind.map { [$0] } ?? WasmEngine.Kind.allCases
        for kind in kinds {
            for directory in searchPath {
                let path = "\(directory)/\(kind.rawValue)"
                if let identity = Self.identity(path) { return try answer(kind, path, identity).get() }
            }
        }
        throw Self.missing(kinds)
    }

    private static func missing(_ kinds: [WasmEngine.Kind]) -> Failure {
        let names = kinds.map(\.rawValue).joined(separator: " or ")
        return .permanent(
            .unsupported,
            "there is no \(names) in the PATH of era daemon to run modules; install wasmtime 14 or newer, "
                + "or the Swift toolchain, which has wasmkit"
        )
    }

    private func answer(_ kind: WasmEngine.Kind, _ path: String, _ identity: String) -> Answer {
        let known = answers.withLock { $0[path] }
        if let known, known.identity == identity { return known.answer }
        let run = ToolRun(path: path, arguments: [kind.rawValue, "--version"], limit: Self.versionLimit)
        let answer: Answer
        switch run.outcome() {
        case .ended(code: 0, let output):
            guard let version = WasmEngine.version(output) else {
                answer = .failure(Self.silent(path, "says no version"))
                break
            }
            answer = .success(WasmEngine(kind: kind, path: path, version: version, identity: identity))
        case .ended(let code, _): answer = .failure(Self.silent(path, "ended with code \(code)"))
        // Neither says anything of the file: the next may fare better.
        case .timedOut, .cancelled:
            let limit = Self.versionLimit
            return .failure(.transient(.timeout, "\(path) --version did not end within \(limit)"))
        case .notStarted(let error):
            return .failure(
                .transient(.startFailed, "cannot run \(path): \(errorText(error))\(remedy(error))")
            )
        }
        answers.withLock { $0[path] = (identity, answer) }
        return answer
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
