import ERAContracts
import ERACore
import Synchronization

/// A step in progress, and how to reach it.
struct StepUnderway {
    let step: Step
    /// Yielded to when something may have become more urgent; finished to interrupt the step in any case.
    let nudge: AsyncStream<Void>.Continuation
    let life: StepLife
    /// What people are told meanwhile; nil where the step has nothing to say.
    let wait: Wait?
    var progress: StepProgress?
    /// The end of its time that it was told of. A sign of life that came first has moved that on.
    var toldOf: Uptime?

    /// When its time is over, as far as is known; nil when it was told so.
    func deadline(at now: Uptime) -> Uptime? {
        let deadline = life.deadline(at: now)
        return deadline == toldOf ? nil : deadline
    }
}

/// How long a step may still be silent; a class, since its adapters tell from threads of their own.
final class StepLife: Sendable {
    private struct State {
        var last: Uptime
        var progressedAt: Uptime?
        var isQueued = false
    }

    /// How long it may give no sign of life.
    let limit: Duration
    private let state: Mutex<State>

    init(limit: Duration, at now: Uptime) {
        self.limit = limit
        state = Mutex(State(last: now))
    }

    func note(_ progress: StepProgress, at now: Uptime) {
        state.withLock { state in
            state.last = max(state.last, now)
            state.progressedAt = state.last
            state.isQueued = progress.isQueued
        }
    }

    /// Starts the time limit again: ERA stood still.
    func extend(at now: Uptime) { state.withLock { $0.last = max($0.last, now) } }

    /// When it is given up, if it stays silent; while it waits for its turn, no time runs.
    func deadline(at now: Uptime) -> Uptime { state.withLock { $0.isQueued ? now : $0.last } + limit }

    /// When it last told how far it had come; nil when it never did.
    func progressedAt(_ now: Uptime) -> Uptime? {
        state.withLock { $0.isQueued ? now : $0.progressedAt }
    }
}

extension Step {
    /// Whether it can be put off for what is more urgent: nothing is down until it is done.
    var givesWay: Bool {
        switch self {
        case .validate, .fetch, .prepare, .purge: true
        case .install, .start, .stop, .remove, .removeVolumes: false
        }
    }

    /// Whether people may want to see it while it is in progress.
    var isSlow: Bool {
        switch self {
        case .fetch, .prepare, .install, .stop, .removeVolumes: true
        case .validate, .start, .remove, .purge: false
        }
    }
}
