import ERAAPI
import ERAContracts
import ERACore
import ERAEngine
import ServiceLifecycle
import Synchronization

/// Shows the deployments of the daemon in the foreground as they move through their phases.
///
/// A class, since what hears of changes and what draws share whether there is something new.
final class Display: Service {
    /// The shortest time between two drawings.
    private static let pause = Duration.milliseconds(50)
    /// Ages grow without anything else changing: after so many pauses it is drawn anyway.
    private static let refresh = 20

    private let engine: Engine
    private let screen: Screen
    private let isNew = Mutex(true)

    init(engine: Engine, screen: Screen) {
        self.engine = engine
        self.screen = screen
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.listen() }
                await self.drawAgainAndAgain()
                group.cancelAll()
            }
        }
        await draw()
    }

    private func listen() async {
        // The stream ends where the reader falls behind: it begins anew.
        while !Task.isCancelled {
            for await _ in await engine.watch().changes { isNew.withLock { $0 = true } }
        }
    }

    private func drawAgainAndAgain() async {
        var idle = 0
        while !Task.isCancelled {
            let hasNews = isNew.withLock { isNew in
                defer { isNew = false }
                return isNew
            }
            idle = hasNews ? 0 : idle + 1
            if hasNews || idle % Self.refresh == 0 { await draw() }
            // Cancelled, the loop ends.
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func draw() async {
        let now = SystemClock().now()
        screen.show(await engine.list().views.map { $0.object(at: now) })
    }
}
