import ERAContracts
import ERACore
import Synchronization

/// What the checks remember from one look to the next.
struct Checks {
    /// One generation of one life of a deployment.
    struct Generation: Hashable {
        var uid: String
        var number: Int
    }

    /// How far the journals were replayed, and to what.
    var replayed: [DeploymentKey: (begunAt: Timestamp, record: DeploymentRecord, count: Int)] = [:]
    /// Rollbacks of each generation.
    var rollbacks: [Generation: Int] = [:]
    /// What people asked for, whatever came of it: each may cause one more rollback.
    var intents: [DeploymentKey: Int] = [:]
    /// When a deployment was last declared; unknown after a reboot, since the clock began anew.
    var declaredAt: [DeploymentKey: Uptime] = [:]
    /// Until when no time-out may be noted: the process was suspended and has just gone on.
    var resumedAt: Uptime?

    mutating func forgetTimes() {
        declaredAt = [:]
        resumedAt = nil
    }
}

/// What must never be, and what must be in the end; written without a look at how it is brought about.
extension Simulation {
    /// Safety: after each turn, whatever has failed.
    func checkSafety() {
        violations += host.violations + chronicle.violations
        let contents = disk.contents
        for (key, journal) in contents.journals.sorted(by: { $0.key < $1.key }) {
            let known = checks.replayed[key]?.count
            guard journal.count != known, let record = contents.records[key]?.record,
                let replayed = replay(key, journal)
            else { continue }
            if replayed != record {
                let fields = differences(replayed, record)
                violations.append("replay of the journal of \(key) is not its record: \(fields)")
            }
        }
        // Nothing runs that nobody knows.
        for id in host.running
        where contents.records[id.deployment]?.record.onDisk.contains(id.revision) != true {
            violations.append("\(id) runs, and no record knows it")
        }
    }

    /// The fold of a journal; what was folded at the last look is not folded again.
    private func replay(_ key: DeploymentKey, _ journal: [JournalEvent]) -> DeploymentRecord? {
        do {
            guard let first = journal.first else { return nil }
            var earlier = checks.replayed[key]
            // A journal that was collected begins anew.
            if earlier?.begunAt != first.at || earlier.map({ $0.count > journal.count }) ?? false {
                earlier = nil
            }
            var (_, record, count) =
                try earlier ?? (first.at, DeploymentRecord(key: key, founding: first), 1)
            for event in journal.dropFirst(count) {
                let next = try record.applying(event)
                judge(event, from: record, to: next)
                record = next
            }
            count = journal.count
            checks.replayed[key] = (first.at, record, count)
            return record
        } catch {
            violations.append("journal of \(key): \(error)")
            return nil
        }
    }

    /// Promises about single facts.
    private func judge(_ event: JournalEvent, from before: DeploymentRecord, to after: DeploymentRecord) {
        let key = after.key
        if before.phase != .rollingBack, after.phase == .rollingBack {
            let generation = Checks.Generation(uid: after.uid, number: after.generation)
            checks.rollbacks[generation, default: 0] += 1
            let allowed = 1 + checks.intents[key, default: 0]
            if checks.rollbacks[generation, default: 0] > allowed {
                violations.append("\(key) rolled back again in generation \(after.generation)")
            }
        }
        if case .deletionRequested = event.kind, let declaredAt = checks.declaredAt[key],
            event.at.uptime > declaredAt
        {
            violations.append("\(key) is deleted, and it is declared")
        }
        if let resumedAt = checks.resumedAt, event.at.uptime == resumedAt, event.kind.isTimeOut {
            violations.append("\(key): \(event.kind.name) right after a suspension")
        }
    }

    /// Deployments that are not yet what they must become.
    var unconverged: [String] {
        let records = disk.contents.records
        var problems: [String] = []
        for index in 0..<Self.nameCount {
            let key = SimulatedDeployment(index: index).key
            let record = records[key]?.record
            guard let deployment = wanted[index] else {
                if let record, record.phase != .deleted {
                    problems.append("\(key) is \(record.phase) and was removed")
                }
                continue
            }
            guard let record else {
                problems.append("\(key) is not known")
                continue
            }
            if !isSettled(record, deployment) {
                problems.append("\(key) \(deployment.version) is \(record.phase): \(record.state)")
            }
        }
        return problems
    }

    private func isSettled(_ record: DeploymentRecord, _ deployment: SimulatedDeployment) -> Bool {
        if record.isSuspended || record.declaration.deployment.spec.version.description != deployment.version
        {
            return false
        }
        // A version that failed, be it through the world's fault, is quarantined until somebody says retry.
        if record.phase == .failed || record.phase == .rollbackFailed { return true }
        if waitsForHopeless(deployment) { return true }
        // What a rollback restored may be no better than what failed.
        let served = record.servedRevision.flatMap { record.revisions[$0]?.spec.behaviour }
        switch served ?? deployment.behaviour {
        case .good: return record.phase == .running
        case .crashes, .sick, .unstartable, .invalid, .missing, .neverReady:
            // It may have counted as healthy for a moment and be started again and again.
            let isRestarting = record.phase == .activating || record.phase == .healthChecking
            return record.phase == .running || isRestarting
        }
    }

    /// Whether it depends on something that will not become Available.
    private func waitsForHopeless(_ deployment: SimulatedDeployment) -> Bool {
        guard let index = deployment.dependsOn else { return false }
        let key = SimulatedDeployment(index: index).key
        return disk.contents.records[key]?.record.isAvailable != true
    }

    /// Once all is quiet: what runs is what the records say, and nothing is left of what was deleted.
    func checkEnd() {
        for (key, stored) in disk.contents.records.sorted(by: { $0.key < $1.key }) {
            let record = stored.record
            if record.phase == .running, let served = record.servedRevision {
                let status = host.status(InstanceID(key, served))
                let crashes = record.revisions[served]?.spec.behaviour == .crashes
                if !status.mayHaveProcesses, !crashes {
                    violations.append("\(key) is Running, its instance is \(status)")
                }
            }
            guard record.phase == .deleted else { continue }
            let rest = host.state.withLock { state in
                state.instances.keys.contains { $0.deployment == key } || state.volumes.contains(key)
                    || state.workspaces.contains { $0.deployment == key }
            }
            if rest { violations.append("\(key) is Deleted and has left something behind") }
        }
    }

    var summary: String {
        disk.contents.records.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value.record.phase)@\($0.value.record.target)" }.joined(separator: " ")
    }
}

extension JournalEvent.Kind {
    /// Whether it says that something took too long.
    fileprivate var isTimeOut: Bool {
        switch self {
        case .deadlineExceeded: true
        case .stepFailed(_, let failure, _): failure.code == .timeout
        case .declared, .deletionRequested, .pruneHeld, .pruneReleased, .found, .admitted, .updateBegan,
            .displaced, .stepSucceeded,
            .instanceExited, .becameHealthy, .becameUnhealthy, .readinessChanged, .bakeCompleted, .resumed,
            .requested:
            false
        }
    }
}

/// The fields in which two records differ, for people.
private func differences(_ one: DeploymentRecord, _ other: DeploymentRecord) -> String {
    zip(Mirror(reflecting: one).children, Mirror(reflecting: other).children).compactMap { left, right in
        let (mine, theirs) = ("\(left.value)", "\(right.value)")
        return mine == theirs ? nil : "\(left.label ?? "?"): \(mine) / \(theirs)"
    }.joined(separator: "; ")
}
