import ERAAPI
import ERAContracts
import ERACore
import ERAEngine
import ServiceLifecycle

/// Shows the deployments of the daemon in the foreground as they move through their phases.
struct Display: Service {
    /// The shortest time between two drawings.
    private static let pause = Duration.milliseconds(50)
    /// Ages grow without anything else changing.
    private static let refresh = Duration.seconds(1)

    let engine: Engine
    let screen: Screen

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                let changes = await engine.watch().changes
                await draw()
                await firstOfTwo {
                    for await _ in changes { break }
                } _: {
                    // Cancelled, the change has come first.
                    try? await Task.sleep(for: Self.refresh)
                }
                // Cancelled, the loop ends.
                try? await Task.sleep(for: Self.pause)
            }
            await draw()
        }
    }

    private func draw() async {
        let now = SystemClock().now()
        screen.show(await engine.list().views.map { $0.object(at: now) })
    }

    /// Runs both and returns when one has; the other is cancelled and awaited.
    private func firstOfTwo(
        _ one: @escaping @Sendable () async -> Void,
        _ other: @escaping @Sendable () async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask(operation: one)
            group.addTask(operation: other)
            await group.next()
            group.cancelAll()
        }
    }
}
