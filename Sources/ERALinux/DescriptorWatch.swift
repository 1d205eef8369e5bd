internal import CLinux
public import Dispatch
internal import Glibc
internal import Synchronization

/// Tells each time that there is something to read from a descriptor, or that its other end is gone.
///
/// Not a source of Dispatch: on Linux one whose other end hangs up is taken apart on the queue of its handler
/// while Dispatch's own thread still reads it, and the process dies of it now and then (libdispatch,
/// `_dispatch_event_merge_fd` and `_dispatch_source_invoke2`; `MALLOC_PERTURB_` makes it certain).
///
/// A class because it owns the descriptor.
public final class DescriptorWatch: Sendable {
    private let token: UInt64
    private let isOver = Atomic(false)

    /// Nil where the kernel cannot watch it, and errno says why; it stays the caller's then.
    ///
    /// - Parameters:
    ///   - descriptor: Non-blocking; closed when the watch ends, after the last call.
    ///   - queue: Serial.
    ///   - onReadable: Called on `queue`, again and again as long as there is something to read.
    public init?(_ descriptor: Int32, queue: DispatchQueue, onReadable: @escaping @Sendable () -> Void) {
        let watched = Poller.Watched(descriptor: descriptor, queue: queue, onReadable: onReadable)
        guard let token = Poller.shared.add(watched) else { return nil }
        self.token = token
    }

    deinit { cancel() }

    /// Ends the watch: no call begins on the queue after one that is in progress.
    public func cancel() {
        guard !isOver.exchange(true, ordering: .relaxed) else { return }
        Poller.shared.remove(token)
    }
}

/// The thread that waits for all descriptors, by epoll(7); it begins with the first.
///
/// A class, because that thread and all watches share it.
private final class Poller: Sendable {
    struct Watched: Sendable {
        let descriptor: Int32
        let queue: DispatchQueue
        let onReadable: @Sendable () -> Void
    }

    private struct State {
        /// -1 while there is none.
        var poller: Int32 = -1
        var watched: [UInt64: Watched] = [:]
        var lastToken: UInt64 = 0
    }

    static let shared = Poller()

    private let state = Mutex(State())

    /// - Returns: What the watch is known by; nil, and errno says why.
    func add(_ watched: Watched) -> UInt64? {
        state.withLock { state in
            if state.poller < 0 {
                state.poller = era_poller_open()
                guard state.poller >= 0 else { return nil }
                let poller = state.poller
                DispatchQueue(label: "era.descriptors").async { self.wait(poller) }
            }
            state.lastToken += 1
            let token = state.lastToken
            guard era_poller_add(state.poller, watched.descriptor, token) == 0 else { return nil }
            state.watched[token] = watched
            return token
        }
    }

    func remove(_ token: UInt64) {
        let watched = state.withLock { state in
            let watched = state.watched.removeValue(forKey: token)
            // Before it is closed: a child that has a copy for a moment would keep it in the set.
            if let watched { era_poller_remove(state.poller, watched.descriptor) }
            return watched
        }
        // A call in progress may read it still.
        watched?.queue.async { [descriptor = watched?.descriptor ?? -1] in close(descriptor) }
    }

    private func wait(_ poller: Int32) {
        let capacity = 64
        var tokens = [UInt64](repeating: 0, count: capacity)
        while true {
            let count = era_poller_wait(poller, &tokens, Int32(capacity))
            precondition(count >= 0, "waiting for descriptors: errno \(errno)")
            for token in tokens.prefix(Int(count)) { tell(token) }
        }
    }

    private func tell(_ token: UInt64) {
        // One that was removed meanwhile is told of nothing.
        guard let watched = state.withLock({ $0.watched[token] }) else { return }
        watched.queue.async {
            guard self.state.withLock({ $0.watched[token] != nil }) else { return }
            watched.onReadable()
            self.state.withLock { state in
                guard state.watched[token] != nil else { return }
                era_poller_rearm(state.poller, watched.descriptor, token)
            }
        }
    }
}
