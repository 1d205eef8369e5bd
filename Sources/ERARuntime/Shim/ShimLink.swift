internal import CLinux
internal import Dispatch
internal import ERACore
internal import ERALinux
internal import Glibc
internal import Synchronization

/// A connection to one shim: keeps its latest record, and tells when it changes.
///
/// A class because it owns a descriptor: nothing runs while the shim is silent.
final class ShimLink: Sendable {
    /// What has arrived.
    struct Snapshot: Sendable {
        /// How many answers there were.
        var answers = 0
        var record: ShimRecord?
        var refusal: LaunchRefusal?
        /// No more will come: the shim ended, or what it says makes no sense.
        var isClosed = false
    }

    private struct Waiter {
        let isMet: @Sendable (Snapshot) -> Bool
        let continuation: CheckedContinuation<Snapshot?, Never>
        /// A source, since it takes its time with it when it is cancelled.
        let timer: any DispatchSourceTimer

        func resume(with snapshot: Snapshot?) {
            timer.cancel()
            continuation.resume(returning: snapshot)
        }
    }

    private struct State {
        var snapshot = Snapshot()
        var unread: [UInt8] = []
        /// Nil once the connection has ended.
        var watch: DescriptorWatch?
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
    }

    private let descriptor: Int32
    private let queue: DispatchQueue
    private let onChange: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - descriptor: A connected, non-blocking socket; the link closes it.
    ///   - onChange: Called on `queue` after each answer and at the end.
    init(descriptor: Int32, queue: DispatchQueue, onChange: @escaping @Sendable () -> Void) {
        self.descriptor = descriptor
        self.queue = queue
        self.onChange = onChange
        state.withLock { state in
            state.watch = DescriptorWatch(descriptor, queue: queue) { [weak self] in self?.receive() }
            guard state.watch == nil else { return }
            state.snapshot.isClosed = true
            close(descriptor)
        }
    }

    var snapshot: Snapshot { state.withLock { $0.snapshot } }

    /// Sends one line.
    ///
    /// - Returns: Whether the shim has it; not so when it is gone, or hung and its buffer full.
    func send(_ line: String) -> Bool {
        let bytes = Array((line + "\n").utf8)
        return state.withLock { state in
            guard state.watch != nil else { return false }
            let flags = Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
            return Glibc.send(descriptor, bytes, bytes.count, flags) == bytes.count
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// - Returns: Nil when none came in time; also at the end, with `isClosed`.
    func ask(_ line: String, within limit: Duration) async -> Snapshot? {
        let before = snapshot.answers
        guard send(line) else { return snapshot.isClosed ? snapshot : nil }
        return await wait(within: limit) { $0.answers > before || $0.isClosed }
    }

    /// Waits until what has arrived meets a condition.
    ///
    /// - Returns: Nil when it did not in time, or the caller was cancelled.
    func wait(within limit: Duration, until isMet: @escaping @Sendable (Snapshot) -> Bool) async -> Snapshot?
    {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let met: Snapshot? = state.withLock { state in
                    if isMet(state.snapshot) { return state.snapshot }
                    let timer = DispatchSource.makeTimerSource(queue: queue)
                    timer.schedule(deadline: .now() + limit.dispatchInterval)
                    timer.setEventHandler { [weak self] in self?.giveUp(number) }
                    timer.activate()
                    state.waiters[number] = Waiter(isMet: isMet, continuation: continuation, timer: timer)
                    return nil
                }
                if let met { return continuation.resume(returning: met) }
                // It may have been cancelled before there was a waiter to give up.
                if Task.isCancelled { giveUp(number) }
            }
        } onCancel: {
            giveUp(number)
        }
    }

    /// Ends the connection; the shim goes on.
    func disconnect() { end() }

    private func giveUp(_ number: Int) {
        state.withLock { $0.waiters.removeValue(forKey: number) }?.resume(with: nil)
    }

    private func receive() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return end() }
        let chunk = buffer[..<count]
        let isSensible = state.withLock { state in
            state.unread += chunk
            return Self.parse(&state)
        }
        if isSensible { changed() } else { end() }
    }

    /// Takes whole answers off the front of what was read.
    ///
    /// - Returns: Whether everything so far makes sense.
    private static func parse(_ state: inout State) -> Bool {
        let end = Array("\nend\n".utf8)
        while let range = state.unread.firstRange(of: end) {
            let text = String(decoding: state.unread[..<range.upperBound], as: UTF8.self)
            state.unread.removeFirst(range.upperBound)
            if let record = ShimRecord(text) {
                state.snapshot.record = record
            } else if let refusal = text.split(separator: "\n").first.flatMap({ LaunchRefusal($0) }) {
                state.snapshot.refusal = refusal
            } else {
                return false
            }
            state.snapshot.answers += 1
        }
        return state.unread.count < ShimRecord.sizeLimit
    }

    private func end() {
        state.withLock { state in
            state.snapshot.isClosed = true
            state.watch = nil
        }
        changed()
    }

    private func changed() {
        let (met, snapshot) = state.withLock { state in
            let snapshot = state.snapshot
            let met = state.waiters.filter { $0.value.isMet(snapshot) || snapshot.isClosed }
            for number in met.keys { state.waiters[number] = nil }
            return (Array(met.values), snapshot)
        }
        for waiter in met { waiter.resume(with: snapshot) }
        onChange()
    }
}

extension Duration {
    /// In whole milliseconds, at most a day.
    var dispatchInterval: DispatchTimeInterval {
        let (seconds, attoseconds) = components
        return .milliseconds(Int(min(seconds, 86_400) * 1000 + attoseconds / 1_000_000_000_000_000))
    }
}
