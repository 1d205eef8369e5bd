import ERAContracts
import ERACore
import Synchronization

/// A directory of manifests that changes, breaks and disappears by seed.
final class ScriptedSource: ManifestSource {
    struct State {
        var files: [String: [UInt8]] = [:]
        var isUnavailable = false
        /// Files that are listed as being written.
        var unsettled: Set<String> = []
        /// Files that are listed and cannot be read.
        var unreadable: Set<String> = []
        var version = 0

        fileprivate func content(of path: String) -> SourceFile.Content {
            if unreadable.contains(path) { return .unreadable("permission denied, by script") }
            return unsettled.contains(path) ? .unsettled : .bytes(files[path] ?? [])
        }
    }

    let id: SourceID
    let state = Mutex(State())
    /// Which file the next snapshot is to lack although it is there; nil for an honest source.
    private let omission: (@Sendable ([String]) -> String?)?
    private let hints = Mutex<AsyncStream<Void>.Continuation?>(nil)

    init(
        id: SourceID = SourceID("directory:/simulated"),
        omission: (@Sendable ([String]) -> String?)? = nil
    ) {
        self.id = id
        self.omission = omission
    }

    func change(_ body: (inout State) -> Void) {
        state.withLock { state in
            body(&state)
            state.version += 1
        }
        hints.withLock { _ = $0?.yield() }
    }

    func snapshot() async throws -> SourceSnapshot {
        try state.withLock { state in
            guard !state.isUnavailable else { throw SourceUnavailable("the directory is gone, by script") }
            let omitted = omission?(state.files.keys.sorted())
            return SourceSnapshot(
                revision: String(state.version),
                files: state.files.keys.sorted().filter { $0 != omitted }.map { path in
                    SourceFile(path: path, content: state.content(of: path))
                }
            )
        }
    }

    func changes() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        hints.withLock { $0 = continuation }
        return stream
    }
}
