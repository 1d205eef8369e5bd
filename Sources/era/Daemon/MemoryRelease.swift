import CLinux
import ServiceLifecycle

/// Keeps a daemon that waits small: gives back, soon after the start and then
/// regularly, what a burst of work has left.
///
/// Start-up alone maps two thirds of the program's file, and five hundred deployments at once leave a third
/// of the heap free inside (docs/benchmarks.md).
struct MemoryRelease: Service {
    /// After this much a start has usually settled.
    private static let firstPause = Duration.milliseconds(500)
    private static let period = Duration.seconds(30)
    /// Of the C library, which would make eight for each processor.
    private static let heapLimit: Int32 = 2

    func run() async throws {
        era_memory_limit_heaps(Self.heapLimit)
        await cancelWhenGracefulShutdown {
            var pause = Self.firstPause
            while !Task.isCancelled {
                // Cancelled, the loop ends by its condition.
                try? await Task.sleep(for: pause)
                era_memory_release()
                pause = Self.period
            }
        }
    }
}
