import ERAContracts
import ERACore

/// What people are told of a change of a record.
///
/// - Parameter before: Nil for a deployment that was not known.
func notices(from before: DeploymentRecord?, to after: DeploymentRecord, _ event: JournalEvent)
    -> [EventNotice]
{
    func notice(_ kind: EventNotice.Kind, _ reason: String, _ message: String) -> EventNotice {
        EventNotice(
            key: after.key,
            uid: after.uid,
            kind: kind,
            reason: reason,
            message: message,
            at: event.at.wall
        )
    }
    var notices: [EventNotice] = []
    switch event.kind {
    case .declared(let declaration, let revision, _):
        let what =
            revision.map { "version \($0.spec.version) is revision \($0.number)" }
            ?? "as revision \(declaration.revision)"
        notices.append(
            notice(
                .normal,
                "Declared",
                "generation \(declaration.generation) from \(declaration.origin): \(what)"
            )
        )
    case .deletionRequested:
        notices.append(notice(.normal, "DeletionRequested", "is to be deleted"))
    case .pruneHeld:
        let source = after.declaration.origin.source
        notices.append(
            notice(
                .warning,
                "PruneHeld",
                "\(source) does not declare it any more, nor many others: it stays until era prune --confirm"
            )
        )
    case .pruneReleased:
        notices.append(notice(.normal, "PruneReleased", "its deletion is not waited for any more"))
    case .found(let instances):
        let numbers = instances.revisions.map(\.number.description).joined(separator: ", ")
        notices.append(
            notice(
                .warning,
                "InstancesFound",
                "no record knew revision \(numbers), which is on this machine; it is taken up again"
            )
        )
    case .stepFailed(let step, let failure, _):
        notices.append(notice(.warning, failure.code.rawValue, "\(step): \(failure.message)"))
    case .instanceExited(let revision, let status, _):
        let isFine = after.phase == .running
        notices.append(
            notice(
                isFine ? .normal : .warning,
                isFine ? "Completed" : "Exited",
                "revision \(revision) ended with \(status)"
            )
        )
    case .becameUnhealthy(let revision, let failure, _):
        notices.append(notice(.warning, failure.code.rawValue, "revision \(revision): \(failure.message)"))
    case .readinessChanged(let unready):
        notices.append(
            unready.map { notice(.warning, "NotReady", $0) } ?? notice(.normal, "Ready", "is ready again")
        )
    case .deadlineExceeded:
        notices.append(
            notice(.warning, "ProgressDeadlineExceeded", "no progress in \(before?.phase.rawValue ?? "")")
        )
    case .requested(let request):
        notices.append(notice(.normal, "OperatorRequest", request.text))
    case .stepSucceeded(_, .fetched(let artifact)):
        guard let signature = artifact?.signature else { break }
        let isGood = signature.warnings.isEmpty
        notices.append(
            notice(
                isGood ? .normal : .warning,
                isGood ? "Verified" : "NotVerified",
                "the artifact is signed by \(signature.summary)"
            )
        )
    case .admitted, .updateBegan, .displaced, .stepSucceeded, .becameHealthy, .bakeCompleted, .resumed:
        break
    }
    if before?.phase != after.phase, let turn = after.turn {
        notices.append(notice(turn.kind, turn.reason, turn.message))
    }
    return notices
}

extension DeploymentRecord {
    /// The words for having come into the present phase; nil where they would only repeat another event.
    fileprivate var turn: (kind: EventNotice.Kind, reason: String, message: String)? {
        let version =
            revisions[target].map { "version \($0.spec.version) (revision \(target))" }
            ?? "revision \(target)"
        switch state {
        case .requested, .validating, .preparing, .installing: return nil
        case .fetching(let rollout) where revisions[rollout.target]?.spec.artifact == nil: return nil
        case .fetching: return (.normal, "Fetching", "fetching the artifact of \(version)")
        case .activating: return (.normal, "Starting", "starting \(version)")
        case .healthChecking: return (.normal, "Started", "started \(version), waiting for its health")
        case .running: return (.normal, "Running", "\(version) is running")
        case .updating: return (.normal, "Updating", "updating to \(version)")
        case .rollingBack(let rollback):
            let goal = rollback.restoring.map { "restoring revision \($0)" } ?? "undoing it"
            return (
                .warning, "RollingBack",
                "revision \(rollback.failed) failed (\(rollback.cause.message)); \(goal)"
            )
        case .stopping: return (.normal, "Stopping", "stopping")
        case .uninstalling: return (.normal, "Uninstalling", "removing its files")
        case .deleted: return (.normal, "Deleted", "nothing is left")
        case .failed(let defeat), .rollbackFailed(let defeat):
            return (.warning, phase.rawValue, defeat.failure.message)
        }
    }
}

extension OperatorRequest {
    fileprivate var text: String {
        switch self {
        case .retry: "retry was asked for"
        case .rollback(let revision): "a rollback to revision \(revision) was asked for"
        case .accept(let revision): "revision \(revision) was accepted"
        case .restart: "a restart was asked for"
        case .hold: "suspended"
        case .release: "resumed"
        }
    }
}
