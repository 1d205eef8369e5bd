import ERAContracts
import ERACore

/// A deployment in the running engine: its record, and what need not outlive the process.
struct Entry {
    /// A health monitor and the start that it watches: another start needs another monitor.
    struct Watched {
        let startedAt: Uptime
        /// Tells the monitors of a deployment apart, also two of the same start.
        let serial: Int
        var monitor: HealthMonitor
    }

    var record: DeploymentRecord
    var resourceVersion: ResourceVersion
    /// The position in the outbox of the last change that must be on disk before any later effect; nil when
    /// it is.
    var unpersisted: Int?
    var deletionRequestedAt: WallTime?
    var underway: StepUnderway?
    var wait: Wait?
    /// Why what its source says of it does not count.
    var sourceProblem: SourceProblem?
    /// When the next pass is due; nil when only an event brings one.
    var lookAt: Uptime?
    var observation = Observation()
    var watched: [RevisionNumber: Watched] = [:]
    private var nextSerial = 0
    /// When an earlier step, which may have failed, last told how far it had come.
    var progressedAt: Uptime?

    init(record: DeploymentRecord, resourceVersion: ResourceVersion) {
        self.record = record
        self.resourceVersion = resourceVersion
    }

    var view: DeploymentView {
        DeploymentView(
            record: record,
            resourceVersion: resourceVersion,
            deletionRequestedAt: deletionRequestedAt,
            step: underway?.step,
            wait: underway?.wait ?? wait,
            progress: underway?.progress,
            sourceProblem: sourceProblem,
            instance: observation.instances[record.servedRevision ?? record.target]
        )
    }

    /// Revisions that may have processes, as last observed.
    var active: Set<RevisionNumber> {
        Set(observation.instances.filter { $0.value.mayHaveProcesses }.keys)
    }

    /// Takes what was observed, and keeps a monitor for each instance that runs and has been looked after.
    mutating func take(
        _ instances: [RevisionNumber: InstanceStatus],
        _ unobservable: [RevisionNumber: Failure]
    ) {
        observation.instances = instances
        observation.unobservable = unobservable
        for (revision, status) in instances {
            guard case .running(let running) = status, let spec = record.revisions[revision]?.spec else {
                watched[revision] = nil
                continue
            }
            guard watched[revision]?.startedAt != running.startedAt else { continue }
            nextSerial += 1
            watched[revision] = Watched(
                startedAt: running.startedAt,
                serial: nextSerial,
                monitor: HealthMonitor(
                    spec.health,
                    startedAt: running.startedAt,
                    presumedHealthy: record.isHealthy(revision)
                )
            )
        }
        for revision in watched.keys where instances[revision] == nil { watched[revision] = nil }
    }

    /// When to do something about it: the next pass, the next probe, the end of the step's time.
    func nextAt(_ now: Uptime) -> Uptime? {
        let others = [lookAt, underway?.deadline(at: now)].compactMap { $0 }
        return (watched.values.compactMap(\.monitor.nextAt) + others).min()
    }

    /// What a decision needs of the health of the instances.
    var verdicts: [RevisionNumber: HealthVerdict] { watched.mapValues(\.monitor.verdict) }
}

extension DeploymentRecord {
    /// Whether the revision was healthy when the record was last changed.
    fileprivate func isHealthy(_ revision: RevisionNumber) -> Bool {
        switch state {
        case .running(let serving): serving.revision == revision && serving.isReady
        case .updating(let update): update.serving.map { $0.revision == revision && $0.isReady } ?? false
        case .rollingBack(let rollback):
            rollback.serving.map { $0.revision == revision && $0.isReady } ?? false
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            false
        }
    }
}
