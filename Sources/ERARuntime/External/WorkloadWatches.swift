internal import Dispatch
internal import ERACore
internal import Synchronization

/// Hears when a process ends that a plugin said is a workload.
///
/// A class, because the watches call back to it.
final class WorkloadWatches: Sendable {
    private struct Watched {
        let process: ProcessIdentity
        let watch: ExitWatch
    }

    private struct State {
        var watched: [InstanceID: Watched] = [:]
        var reader: AsyncStream<InstanceID>.Continuation?
    }

    /// What waits for who reads the changes; a hint that is lost costs one look's time.
    private static let backlogLimit = 1024

    private let queue = DispatchQueue(label: "era.plugin.exits")
    private let state = Mutex(State())
    private let changed: @Sendable (InstanceID) -> Void

    /// - Parameter changed: Told as well.
    init(changed: @escaping @Sendable (InstanceID) -> Void) { self.changed = changed }

    /// The instances whose workload has ended; for one reader.
    func changes() -> AsyncStream<InstanceID> {
        let (stream, continuation) = AsyncStream<InstanceID>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.backlogLimit)
        )
        state.withLock { $0.reader = continuation }
        return stream
    }

    /// Begins to watch what runs, and stops to watch what does not.
    func note(_ status: InstanceStatus, of id: InstanceID) {
        guard case .running(let running) = status, let pid = running.pid, let stat = ProcessStat(pid: pid)
        else { return state.withLock { $0.watched[id] = nil } }
        let process = ProcessIdentity(pid: pid, startTime: stat.startTime)
        guard state.withLock({ $0.watched[id]?.process != process }) else { return }
        let watch = ExitWatch(process, queue: queue) { [weak self] in self?.ended(id, process) }
        state.withLock { $0.watched[id] = watch.map { Watched(process: process, watch: $0) } }
    }

    private func ended(_ id: InstanceID, _ process: ProcessIdentity) {
        let reader = state.withLock { state in
            if state.watched[id]?.process == process { state.watched[id] = nil }
            return state.reader
        }
        reader?.yield(id)
        changed(id)
    }
}
