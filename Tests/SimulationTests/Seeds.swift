import ERATestKit
import Glibc
import Synchronization

/// Seeds come from the environment so that `make simulate` can ask for more, or for one again: `ERA_SEEDS` is
/// how many, `ERA_SEED_FIRST` the first, `ERA_SEED` just one.
enum Seeds {
    static let first = number("ERA_SEED") ?? number("ERA_SEED_FIRST") ?? 1
    static let count = number("ERA_SEED") != nil ? 1 : number("ERA_SEEDS") ?? 2000
    /// Whether this is not the replay of a single seed.
    static let areMany = number("ERA_SEED") == nil

    static func number(_ name: String) -> UInt64? { text(name).flatMap { UInt64($0) } }

    static func text(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// Runs every seed, on as many threads as there are cores; the reports come in the order of the seeds.
    static func run(
        _ simulate: @escaping @Sendable (UInt64) -> Simulation.Report
    ) async -> [Simulation.Report] {
        let queue = Queue(next: first)
        let end = first + count
        return await withTaskGroup(of: [Simulation.Report].self) { group in
            for _ in 0..<max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) {
                group.addTask {
                    var reports: [Simulation.Report] = []
                    while true {
                        let seed = queue.take()
                        guard seed < end else { return reports }
                        var report = simulate(seed)
                        // A thousand traces that nobody reads need not be kept.
                        if report.violations.isEmpty, areMany { report.trace = [] }
                        reports.append(report)
                    }
                }
            }
            var all: [Simulation.Report] = []
            for await reports in group { all += reports }
            return all.sorted { $0.seed < $1.seed }
        }
    }

    /// Hands out seeds; a class, since all threads share it.
    private final class Queue: Sendable {
        private let next: Mutex<UInt64>

        init(next: UInt64) { self.next = Mutex(next) }

        func take() -> UInt64 {
            next.withLock { next in
                defer { next += 1 }
                return next
            }
        }
    }
}
