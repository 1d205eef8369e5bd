/// When to ``decide(_:observed:now:jitter:)`` anew while a step is in progress,
/// though nothing is heard from outside.
///
/// - Returns: When the rollout's deadline is over, what serves beside it is to be started again, or has
///   baked; nil when no time changes what is to be done.
public func reviewTime(_ record: DeploymentRecord, observed: Observation, now: Timestamp) -> Uptime? {
    Decider(record: record, observed: observed, now: now, jitter: .none).reviewTime
}

extension Decider {
    var reviewTime: Uptime? {
        switch record.state {
        case .validating(let rollout):
            // Its first attempt has waited for the dependencies, and is not late for that.
            rollout.attempt.failures == 0 ? nil : deadline(of: rollout)
        case .fetching(let rollout), .preparing(let rollout):
            deadline(of: rollout)
        case .updating(let update):
            [rolloutDeadline(of: update), update.serving.flatMap(restartTime)].compactMap { $0 }.min()
        case .running(let serving):
            serving.bake?.until
        case .requested, .installing, .activating, .healthChecking, .rollingBack, .stopping, .uninstalling,
            .deleted, .failed, .rollbackFailed:
            nil
        }
    }

    private func rolloutDeadline(of update: Update) -> Uptime? {
        if case .validate = update.step, update.rollout.attempt.failures == 0 { return nil }
        return deadline(of: update.rollout)
    }

    private func restartTime(_ serving: Serving) -> Uptime? {
        if case .wait(let wait) = restart(of: serving) { wait.until } else { nil }
    }
}
