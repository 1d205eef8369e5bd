import CLinux
import ServiceLifecycle

/// Keeps a daemon that waits small: gives back, soon after the start and then after a burst of work, what
/// that has left. What a daemon that waits needs again and again stays: to fetch it back costs more.
///
/// Start-up alone maps two thirds of the program's file, and five hundred deployments at once leave a third
/// of the heap free inside (docs/benchmarks.md).
struct MemoryRelease: Service {
    /// After this much a start has usually settled.
    private static let firstPause = Duration.milliseconds(500)
    private static let period = Duration.seconds(30)
    /// Bytes by which it must have grown; what it fetches back after a release is less.
    private static let growthLimit = 8 << 20
    /// The same right after a release, once: that may have come in the midst of a burst.
    private static let secondGrowthLimit = 1 << 20
    /// Of the C library, which would make eight for each processor.
    private static let heapLimit: Int32 = 2

    func run() async throws {
        era_memory_limit_heaps(Self.heapLimit)
        await cancelWhenGracefulShutdown {
            var pause = Self.firstPause
            var base = 0
            var limit = Self.growthLimit
            while !Task.isCancelled {
                // Cancelled, the loop ends by its condition.
                try? await Task.sleep(for: pause)
                pause = Self.period
                let hasGrown = era_memory_resident() >= base + limit
                limit = hasGrown && limit == Self.growthLimit ? Self.secondGrowthLimit : Self.growthLimit
                guard hasGrown else { continue }
                era_memory_release()
                base = era_memory_resident()
            }
        }
    }
}
