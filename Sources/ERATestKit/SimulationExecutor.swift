import Synchronization

/// Runs tasks one job at a time, in an order that a seed chooses: every interleaving
/// can happen, and any can be had again.
///
/// A class: executors are identities.
public final class SimulationExecutor: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    private let random: SeededRandom

    public init(random: SeededRandom) { self.random = random }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
    }

    /// Runs one job.
    /// - Returns: Whether there was one.
    public func runOne() -> Bool {
        let job: UnownedJob? = jobs.withLock { jobs in
            guard !jobs.isEmpty else { return nil }
            return jobs.remove(at: jobs.count == 1 ? 0 : random.below(jobs.count))
        }
        guard let job else { return false }
        job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }
}
