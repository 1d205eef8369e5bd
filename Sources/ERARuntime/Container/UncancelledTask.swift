internal import ERACore
internal import ERAManifest

/// Does what has to be done also after the task that needs it was cancelled, and waits for it: to take back
/// what a start has made, say, which its cancellation would cut off.
///
/// - Parameter limit: After which it is cancelled all the same.
/// - Throws: ``Failure`` where it takes longer; whatever `body` throws.
func uncancelled(
    within limit: Duration,
    by clock: any Clock<Duration>,
    _ body: @escaping @Sendable () async throws -> Void
) async throws {
    // A task of its own, since a part of this one would be cancelled with it; who waits for it is not heeded.
    let work = Task {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: body)
            group.addTask {
                try await clock.sleep(for: limit)
                throw Failure.transient(.timeout, "it took longer than \(limit.manifestText)")
            }
            try await group.next()
        }
    }
    try await work.value
}
