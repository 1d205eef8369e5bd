import CLinux
import Dispatch
import ERALinux
import Glibc
import Synchronization

/// Turns what inotify reports about one directory tree into hints.
///
/// A class, because its reader on a dispatch queue and the task that waits share its state. Nothing runs
/// while nothing happens: the queue's thread exists only while there are events to read.
final class DirectoryWatch: Sendable {
    /// What has been seen and not been told yet.
    struct State {
        var tree: WatchTree?
        /// Something changed; a hint is due.
        var isDirty = true
        /// When to look again although nothing was reported; on the stopwatch, as all times here.
        var settleAt: Duration?
        var lastHint: Duration?
        var gap: Duration
        var isClosed = false
        /// Counts what was reported, so that nothing is missed between deciding to wait and waiting.
        var reports = 0
        var waiter: (reports: Int, continuation: CheckedContinuation<Void, Never>)?
    }

    private let root: String
    private let options: DirectorySourceOptions
    private let clock: any Clock<Duration>
    private let stopwatch: Stopwatch
    private let writes: OpenWrites
    private let state: Mutex<State>
    private let reader = Mutex<DescriptorWatch?>(nil)

    init(
        root: String,
        options: DirectorySourceOptions,
        clock: any Clock<Duration>,
        stopwatch: Stopwatch,
        writes: OpenWrites
    ) {
        self.root = root
        self.options = options
        self.clock = clock
        self.stopwatch = stopwatch
        self.writes = writes
        var tree = options.usesKernelEvents ? WatchTree(root: root, options: options) : nil
        tree?.rebuild()
        state = Mutex(State(tree: tree, gap: options.gap))
        if let descriptor = tree?.descriptor { startReading(descriptor) }
    }

    deinit { close() }

    private func startReading(_ descriptor: CInt) {
        let queue = DispatchQueue(label: "era.source.watch")
        reader.withLock { reader in
            // The descriptor is closed with it, when nobody waits for it any more.
            reader = DescriptorWatch(descriptor, queue: queue) { [weak self] in self?.drain() }
            guard reader == nil else { return }
            _ = Glibc.close(descriptor)
            // Without the kernel's events it looks itself.
            state.withLock { $0.tree = nil }
        }
    }

    /// Ends the watch and whoever waits for it.
    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            state.tree = nil
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.continuation.resume()
        reader.withLock { $0 = nil }
    }

    /// Takes in what the kernel has reported up to now.
    func drain() {
        let now = stopwatch.elapsed()
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard let seen = state.tree?.read() else { return nil }
            for change in seen.changes { writes.record(change, at: now) }
            if seen.needsSettling { schedule(&state, at: now + options.settleTime) }
            if seen.hasOpenWrites { schedule(&state, at: now + options.openSettleTime) }
            if seen.isUrgent, !state.isDirty {
                state.isDirty = true
                state.reports += 1
            }
            return wakeable(&state)
        }
        waiter?.resume()
    }

    /// Asks for a hint when `delay` is over.
    func lookAgain(after delay: Duration) {
        let waiter = state.withLock { state in
            schedule(&state, at: stopwatch.elapsed() + delay)
            return wakeable(&state)
        }
        waiter?.resume()
    }

    private func schedule(_ state: inout State, at time: Duration) {
        if let settleAt = state.settleAt, settleAt <= time { return }
        state.settleAt = time
        state.reports += 1
    }

    /// Who waits for a report that there has been since.
    private func wakeable(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        guard let waiter = state.waiter, waiter.reports != state.reports else { return nil }
        state.waiter = nil
        return waiter.continuation
    }

    /// Waits for the next hint.
    ///
    /// - Returns: Nil when the task was cancelled.
    func next() async -> Void? {
        while !Task.isCancelled {
            let now = stopwatch.elapsed()
            let (due, reports) = state.withLock { state in (hint(&state, at: now), state.reports) }
            guard let due else { return () }
            await wait(for: due - now, unlessBeyond: reports)
        }
        return nil
    }

    /// When the next hint is due; nil when it is due now, and then counts as given.
    private func hint(_ state: inout State, at now: Duration) -> Duration? {
        if state.isClosed { return now + options.rescanInterval }
        let isWatching = state.tree?.isComplete ?? false
        let last = state.lastHint
        let rescanAt = last.map { $0 + (isWatching ? options.rescanInterval : options.pollInterval) } ?? now
        let dirtyAt = state.isDirty ? last.map { $0 + state.gap } ?? now : rescanAt
        let due = min(rescanAt, dirtyAt, state.settleAt ?? rescanAt)
        guard due <= now else { return due }
        // In case the kernel lost a watch without a word.
        if rescanAt <= now { state.tree?.rebuild() }
        // One change acts at once; the longer a burst lasts, the more of it one hint covers.
        let isBurst = last.map { now - $0 < options.burstGapLimit * 2 } ?? false
        state.gap = isBurst ? min(state.gap * 2, options.burstGapLimit) : options.gap
        state.lastHint = now
        state.isDirty = false
        if let settleAt = state.settleAt, settleAt <= now { state.settleAt = nil }
        return nil
    }

    /// Returns when something was reported, when the time is over, or when the task is cancelled.
    private func wait(for time: Duration, unlessBeyond reports: Int) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.waitForReport(beyond: reports) }
            group.addTask { try? await self.clock.sleep(for: time) }  // cancelled: the report came first
            await group.next()
            group.cancelAll()
        }
    }

    private func waitForReport(beyond reports: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mayWait = state.withLock { state in
                    // Under the lock: a cancellation from here on finds the waiter.
                    guard !Task.isCancelled, !state.isClosed, state.reports == reports else { return false }
                    state.waiter = (reports, continuation)
                    return true
                }
                if !mayWait { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.continuation.resume()
        }
    }
}
