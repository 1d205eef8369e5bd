import ERAContracts
import ERASource
import Testing

/// Follows a source as the engine does: after each hint a snapshot; and waits for the one that is wanted.
struct Following {
    let source: DirectorySource
    private var hints: AsyncStream<Void>.Iterator

    /// Watches from now on; the hint that a watch begins with is taken already.
    init(_ source: DirectorySource) async throws {
        self.source = source
        hints = source.changes().makeAsyncIterator()
        try await nextHint()
    }

    struct TooLate: Error {}

    /// A hint comes within 30 s whatever happens, so that this needs no time limit of its own.
    mutating func nextHint() async throws {
        guard await hints.next(isolation: nil) != nil else { throw TooLate() }
    }

    /// Takes snapshots until one is as wanted.
    ///
    /// - Returns: All snapshots up to it.
    @discardableResult
    mutating func until(
        _ limit: Duration = .seconds(20),
        _ isWanted: (SourceSnapshot) -> Bool
    ) async throws -> [SourceSnapshot] {
        let deadline = ContinuousClock.now + limit
        var seen = [try await source.snapshot()]
        while !isWanted(seen[seen.count - 1]) {
            guard ContinuousClock.now < deadline else { throw TooLate() }
            try await nextHint()
            seen.append(try await source.snapshot())
        }
        return seen
    }
}

extension SourceSnapshot {
    /// Path and text of each file; its problem, or `…` for one that has not settled.
    var texts: [String: String] {
        Dictionary(
            uniqueKeysWithValues: files.map { file in
                switch file.content {
                case .bytes(let bytes): (file.path, String(decoding: bytes, as: UTF8.self))
                case .unreadable(let problem): (file.path, "unreadable: \(problem)")
                case .unsettled: (file.path, "…")
                }
            }
        )
    }

    var isSettled: Bool { !files.contains { $0.content == .unsettled } }
}
