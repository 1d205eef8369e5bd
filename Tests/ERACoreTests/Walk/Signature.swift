@testable import ERACore

/// What tells two states of the walk apart: the record without texts, clocks and counts that decide nothing.
///
/// Points of time are replaced by their order, those that are past by one number.
struct Signature: Hashable {
    private let words: [Int]

    init(_ record: DeploymentRecord, _ world: World, _ now: Timestamp) {
        var collector = Collector()
        words = collector.collect(record, world, now)
    }
}

private struct Collector {
    private var words: [Int] = []
    private var times: [(index: Int, time: Uptime)] = []

    mutating func collect(_ record: DeploymentRecord, _ world: World, _ now: Timestamp) -> [Int] {
        words.reserveCapacity(64)
        add(record.state)
        add(record.target)
        add(record.declaration.revision)
        add(record.previous)
        add(record.lastFailed)
        add(record.quarantine != nil)
        add(record.isSuspended)
        add(record.housekeeping)
        words.append(record.onDisk.reduce(0) { $0 | 1 << $1.rawValue })
        words.append(record.revisions.keys.reduce(0) { $0 | 1 << $1.rawValue })
        for place in world.places {
            words.append(place.status.rawValue)
            words.append(place.status == .running ? place.verdict.rawValue : 0)
            words.append(place.done.rawValue)
        }
        words.append(world.fresh.rawValue)
        words.append(world.condemned.reduce(0) { $0 | 1 << $1 })
        add(world.hasVolumes)
        let future = Set(times.map(\.time).filter { $0 > now.uptime }).sorted()
        for (index, time) in times { words[index] = future.firstIndex(of: time).map { $0 + 1 } ?? 0 }
        return words
    }

    private mutating func add(_ flag: Bool) { words.append(flag ? 1 : 0) }
    private mutating func add(_ revision: RevisionNumber?) { words.append(revision?.rawValue ?? 0) }
    private mutating func add(_ time: Uptime?) {
        if let time { times.append((words.count, time)) }
        words.append(-1)
    }
    private mutating func add(_ attempt: Attempt) {
        words.append(min(attempt.failures, 3))
        add(attempt.retryAt)
    }
    private mutating func add(_ rollout: Rollout) {
        add(rollout.target)
        add(rollout.restoreTo)
        add(rollout.attempt)
        add(rollout.progressAt + .seconds(600))
    }
    private mutating func add(_ serving: Serving?) {
        guard let serving else { return words.append(-2) }
        add(serving.revision)
        add(serving.bake?.restoreTo)
        add(serving.bake?.until)
        add(serving.isReady)
        add(serving.completion != nil)
        add(serving.restartAt)
        add(serving.mustStop)
    }
    private mutating func add(_ activation: Activation) {
        add(activation.mustStop)
        switch activation.purpose {
        case .rollout(let rollout): add(rollout)
        case .restart(let serving): add(serving)
        }
    }

    private mutating func add(_ state: LifecycleState) {
        words.append(Phase.allCases.firstIndex(of: state.phase) ?? -1)
        switch state {
        case .requested(let rollout), .validating(let rollout), .fetching(let rollout),
            .preparing(let rollout), .installing(let rollout):
            add(rollout)
        case .activating(let activation), .healthChecking(let activation):
            if case .restart = activation.purpose { words.append(-3) }
            add(activation)
        case .running(let serving): add(serving)
        case .updating(let update):
            add(update.rollout)
            words.append(Update.UpdateStep.allCases.firstIndex(of: update.step) ?? -1)
            add(update.serving)
        case .rollingBack(let rollback):
            add(rollback.failed)
            add(rollback.restoring)
            words.append(Rollback.RollbackStep.allCases.firstIndex(of: rollback.step) ?? -1)
            add(rollback.attempt)
            add(rollback.progressAt + .seconds(600))
            add(rollback.mustStop)
            add(rollback.serving)
        case .stopping(let removal), .uninstalling(let removal): add(removal.attempt)
        case .deleted: break
        case .failed(let defeat), .rollbackFailed(let defeat):
            add(defeat.revision)
            add(defeat.restoring)
        }
    }
}
