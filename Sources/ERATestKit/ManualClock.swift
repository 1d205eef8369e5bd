public import ERACore
public import ERAEngine
import Synchronization

/// A clock that stands still until it is told to go on.
///
/// A class: the engine and the test hold the same clock.
public final class ManualClock: EngineClock {
    private struct Sleeper {
        let id: Int
        let deadline: Uptime
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var uptime = Uptime(sinceBoot: .seconds(100))
        var wall = WallTime(sinceEpoch: .seconds(1_800_000_000))
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
        var nextID = 0
    }

    private let state = Mutex(State())

    public init() {}

    /// Both clocks, as they were last set.
    public func now() -> Timestamp { state.withLock { Timestamp(uptime: $0.uptime, wall: $0.wall) } }

    /// Returns when the clock has been moved to the deadline.
    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(until deadline: Uptime) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if deadline <= state.uptime { return .success(()) }
                    state.sleepers.append(Sleeper(id: id, deadline: deadline, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let sleeper: Sleeper? = state.withLock { state in
                guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.sleepers.remove(at: index)
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
        state.withLock { _ = $0.cancelled.remove(id) }
    }

    /// When the next sleeper wakes; nil when nobody sleeps.
    public var nextDeadline: Uptime? { state.withLock { $0.sleepers.map(\.deadline).min() } }

    /// Moves both clocks on and wakes whoever is due, the earliest first.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.uptime = state.uptime + duration
            state.wall = WallTime(sinceEpoch: state.wall.sinceEpoch + duration)
            let uptime = state.uptime
            let due = state.sleepers.filter { $0.deadline <= uptime }
            state.sleepers.removeAll { $0.deadline <= uptime }
            return due.sorted { ($0.deadline, $0.id) < ($1.deadline, $1.id) }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Sets the calendar to another time; the uptime does not move.
    public func setWall(_ wall: WallTime) { state.withLock { $0.wall = wall } }

    /// The machine has booted anew: the uptime is small again. Nobody may be sleeping.
    public func reboot() {
        state.withLock { state in
            precondition(state.sleepers.isEmpty, "somebody sleeps through a reboot")
            state.uptime = Uptime(sinceBoot: .seconds(5))
        }
    }
}
