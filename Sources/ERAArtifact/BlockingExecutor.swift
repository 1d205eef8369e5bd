import Dispatch

/// Runs whole tasks on threads of their own, for work that blocks: disk, hashing, libarchive.
///
/// A blocked thread of the cooperative pool is one processor less for everything else, the API included.
/// Whoever uses this bounds by a ``Gate`` how much runs at once; the queue itself has no limit but that.
final class BlockingExecutor: TaskExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label, attributes: .concurrent)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }
}
