internal import CLinux
internal import Dispatch
internal import Glibc
internal import Synchronization

/// A program that runs as a child of ours, in a process group of its own, and our ends of what it writes to.
public struct Child: Sendable {
    /// How long one that was killed may take to be gone.
    public static let killLimit = Duration.seconds(5)

    public let process: Int32
    /// Readable once it has ended.
    private let exit: Int32
    /// Non-blocking; ``end(within:take:)`` closes them.
    public let outputs: [Int32]

    /// Takes over a child that was just started, and the descriptors.
    ///
    /// - Parameter outputs: Non-blocking.
    /// - Throws: The child is dead then, and the descriptors are closed.
    public init(_ process: Int32, outputs: [Int32]) throws(SystemError) {
        exit = era_probe_descriptor(process)
        self.process = process
        self.outputs = outputs
        guard exit < 0 else { return }
        let error = SystemError.last
        for output in outputs { close(output) }
        // Not reaped: the number is still this process's own.
        kill(-process, SIGKILL)
        waitpid(process, nil, 0)
        throw error
    }

    /// What is to become of a child that has written something.
    public enum Verdict: Sendable {
        case goOn
        /// Its time begins anew.
        case isAlive
        case stop
    }

    /// How it ended; all that was in its process group is dead.
    public enum End: Hashable, Sendable {
        /// -1 where somebody else has reaped it, and nobody knows.
        case code(Int32)
        /// Also SIGKILL of ours, where the kernel has no room to watch it.
        case signal(Int32)
        /// Killed: its time was up.
        case timedOut
        /// Killed: it wrote what it may not.
        case stopped
        /// Killed: nobody waits for it any more.
        case cancelled
    }

    /// Lets it run to its end, and ends it where it does not come to it.
    ///
    /// One that was killed and does not die is given up after ``killLimit``, and reaped when it does.
    ///
    /// - Parameters:
    ///   - limit: From now, and from each sign of life; anew where this process stood still itself.
    ///   - take: Is given what it writes, in pieces of at most 64 KiB, with which of its outputs that was.
    ///     Never called twice at once; nothing else is read meanwhile, of no child.
    public func end(
        within limit: Duration,
        take: @escaping @Sendable (_ output: Int, _ bytes: [UInt8]) -> Verdict
    ) async -> End {
        let run = ChildRun(process, within: limit, take: take)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { run.begin(exit, outputs, $0) }
        } onCancel: {
            run.cancel()
        }
    }
}

/// A child in progress; everything happens on one queue.
///
/// A class, because its watches share it: they keep it until the process is reaped.
private final class ChildRun: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Child.End, Never>?
        /// Why it is being killed; nil while it may go on.
        var verdict: Child.End?
        /// 0 once it is reaped.
        var process: Int32
        var exit: DescriptorWatch?
        /// With its descriptor, as long as something may come.
        var outputs: [(descriptor: Int32, watch: DescriptorWatch)?] = []
        var timer: (any DispatchSourceTimer)?
        /// When the timer is to fire.
        var deadline = ContinuousClock.now
    }

    /// A timer that fires later than this was held up: this process or the machine stood still.
    private static let standstill = Duration.seconds(5)
    /// What is read at once.
    private static let pieceLimit = 1 << 16
    /// Pieces of one output that are read after the end: more than a pipe holds, and no more where somebody
    /// who left the group goes on writing.
    private static let restLimit = 32

    private static let queue = DispatchQueue(label: "era.children")

    private let limit: Duration
    private let take: @Sendable (Int, [UInt8]) -> Child.Verdict
    private let state: Mutex<State>

    init(
        _ process: Int32,
        within limit: Duration,
        take: @escaping @Sendable (Int, [UInt8]) -> Child.Verdict
    ) {
        self.limit = limit
        self.take = take
        state = Mutex(State(process: process))
    }

    func begin(_ exit: Int32, _ outputs: [Int32], _ continuation: CheckedContinuation<Child.End, Never>) {
        Self.queue.async {
            self.state.withLock { state in
                state.continuation = continuation
                state.outputs = outputs.enumerated().map { index, descriptor in
                    self.watch(descriptor) { self.read(index) }.map { (descriptor, $0) }
                }
                state.exit = self.watch(exit) { self.reap() }
                let timer = DispatchSource.makeTimerSource(queue: Self.queue)
                timer.setEventHandler { self.timeIsUp() }
                state.timer = timer
                self.schedule(&state, state.verdict == nil ? self.limit : Child.killLimit)
                timer.activate()
            }
            self.giveUpUnwatched()
        }
    }

    private func schedule(_ state: inout State, _ limit: Duration) {
        state.deadline = .now + limit
        state.timer?.schedule(deadline: .now() + limit.forDispatch)
    }

    /// A child of which nobody would hear ends here: what it says would be a part.
    private func giveUpUnwatched() {
        let process = state.withLock { state in
            state.exit == nil || state.outputs.contains { $0 == nil } ? state.process : 0
        }
        guard process > 0 else { return }
        Glibc.kill(-process, SIGKILL)
        waitpid(process, nil, 0)
        state.withLock { state in
            state.process = 0
            state.exit = nil
        }
        finish(.signal(SIGKILL))
    }

    func cancel() { Self.queue.async { self.kill(.cancelled) } }

    /// Nil, and it is closed, where the kernel has no room to watch it.
    private func watch(_ descriptor: Int32, _ body: @escaping @Sendable () -> Void) -> DescriptorWatch? {
        let watch = DescriptorWatch(descriptor, queue: Self.queue, onReadable: body)
        if watch == nil { close(descriptor) }
        return watch
    }

    // MARK: What it writes

    /// Reads a piece.
    ///
    /// - Returns: Whether there was one.
    @discardableResult
    private func read(_ index: Int) -> Bool {
        guard let descriptor = state.withLock({ $0.outputs[index]?.descriptor }) else { return false }
        var isAtEnd = false
        let piece = [UInt8](unsafeUninitializedCapacity: Self.pieceLimit) { buffer, count in
            let got = Glibc.read(descriptor, buffer.baseAddress, Self.pieceLimit)
            isAtEnd = got == 0
            count = max(0, got)
        }
        // At the end the descriptor stays readable: nothing more to wait for.
        if isAtEnd { state.withLock { $0.outputs[index] = nil } }
        guard !piece.isEmpty else { return false }
        switch take(index, piece) {
        case .goOn: break
        case .isAlive:
            state.withLock { state in
                if state.verdict == nil { schedule(&state, limit) }
            }
        case .stop: kill(.stopped)
        }
        return true
    }

    // MARK: How it ends

    /// Kills the group, once; the outcome follows when it is reaped, or will not die.
    private func kill(_ end: Child.End) {
        state.withLock { state in
            guard state.verdict == nil else { return }
            state.verdict = end
            guard state.process > 0 else { return }
            // Not reaped: the number is still this process's own.
            Glibc.kill(-state.process, SIGKILL)
            schedule(&state, Child.killLimit)
        }
    }

    /// The child's time, or that of what was killed and does not die.
    private func timeIsUp() {
        // It may have ended, or shown life, while nobody could look.
        let before = state.withLock(\.deadline)
        for index in 0..<state.withLock(\.outputs.count) { read(index) }
        reap()
        let isOver = state.withLock { state in
            guard state.process > 0, state.deadline == before else { return true }
            guard state.verdict == nil, .now - state.deadline > Self.standstill else { return false }
            schedule(&state, limit)
            return true
        }
        if isOver { return }
        if let verdict = state.withLock(\.verdict) { finish(verdict) } else { kill(.timedOut) }
    }

    private func reap() {
        var status: Int32 = 0
        let process = state.withLock(\.process)
        guard process > 0 else { return }
        let found = era_probe_reap(process, &status)
        guard found != 0 else { return }
        let count = state.withLock { state in
            state.process = 0
            state.exit = nil
            return state.outputs.count
        }
        // What it had written before it ended.
        for index in 0..<count {
            for _ in 0..<Self.restLimit where !read(index) { break }
        }
        let signal = status & 0x7F
        let code: Int32 = found < 0 ? -1 : status >> 8 & 0xFF
        let end: Child.End = signal == 0 ? .code(code) : .signal(signal)
        finish(state.withLock(\.verdict) ?? end)
    }

    /// Gives the outcome, once.
    private func finish(_ end: Child.End) {
        let continuation = state.withLock { state in
            state.outputs = state.outputs.map { _ in nil }
            state.timer?.cancel()
            state.timer = nil
            defer { state.continuation = nil }
            return state.continuation
        }
        continuation?.resume(returning: end)
    }
}

extension Duration {
    /// For Dispatch; what it cannot hold is for ever.
    fileprivate var forDispatch: DispatchTimeInterval {
        let (seconds, attoseconds) = components
        guard seconds < 1 << 32 else { return .never }
        return .nanoseconds(Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000))
    }
}
