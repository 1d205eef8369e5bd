import ERACore
import Synchronization

/// What must never be, and what must be in the end; written without a look at how it is brought about.
extension Simulation {
    /// Safety: after each turn, whatever has failed.
    func checkSafety() {
        violations += host.violations
        for (key, journal) in disk.journals.sorted(by: { $0.key < $1.key }) {
            guard let record = disk.records[key], let replayed = replay(key, journal) else { continue }
            if replayed != record {
                let fields = differences(replayed, record)
                violations.append("replay of the journal of \(key) is not its record: \(fields)")
            }
        }
        // Nothing runs that nobody knows.
        for id in host.running where disk.records[id.deployment]?.onDisk.contains(id.revision) != true {
            violations.append("\(id) runs, and no record knows it")
        }
    }

    /// The fold of a journal; what was folded at the last look is not folded again.
    private func replay(_ key: DeploymentKey, _ journal: [JournalEvent]) -> DeploymentRecord? {
        do {
            guard let first = journal.first else { return nil }
            var (record, count) = try replayed[key] ?? (DeploymentRecord(key: key, founding: first), 1)
            for event in journal.dropFirst(count) { record = try record.applying(event) }
            count = journal.count
            replayed[key] = (record, count)
            return record
        } catch {
            violations.append("journal of \(key): \(error)")
            return nil
        }
    }

    /// Deployments that are not yet what they must become.
    var unconverged: [String] {
        let records = disk.records
        var problems: [String] = []
        for index in 0..<Self.nameCount {
            let key = SimulatedDeployment(index: index).key
            let phase = records[key]?.phase
            guard let deployment = wanted[index] else {
                if let phase, phase != .deleted { problems.append("\(key) is \(phase) and was removed") }
                continue
            }
            guard let record = records[key], let phase else {
                problems.append("\(key) is not known")
                continue
            }
            if !isSettled(record, phase, deployment) {
                problems.append("\(key) \(deployment.version) is \(phase): \(record.state)")
            }
        }
        return problems
    }

    private func isSettled(_ record: DeploymentRecord, _ phase: Phase, _ deployment: SimulatedDeployment)
        -> Bool
    {
        if record.isSuspended { return false }
        switch deployment.behaviour {
        case .good:
            // A good version whose failure was the world's is quarantined until somebody says retry.
            if phase == .failed || phase == .rollbackFailed { return true }
            if waitsForHopeless(deployment) { return true }
            return phase == .running
        case .crashes, .sick, .unstartable, .invalid, .missing:
            if waitsForHopeless(deployment) { return true }
            // It may have counted as healthy for a moment and be started again and again.
            let isRestarting = phase == .activating || phase == .healthChecking
            return phase == .running || phase == .failed || phase == .rollbackFailed || isRestarting
        }
    }

    /// Whether it depends on something that will not become Available.
    private func waitsForHopeless(_ deployment: SimulatedDeployment) -> Bool {
        guard let index = deployment.dependsOn else { return false }
        let key = SimulatedDeployment(index: index).key
        return disk.records[key]?.isAvailable != true
    }

    /// Once all is quiet: what runs is what the records say, and nothing is left of what was deleted.
    func checkEnd() {
        let records = disk.records
        for (key, record) in records.sorted(by: { $0.key < $1.key }) where record.phase == .running {
            guard let served = record.servedRevision else { continue }
            let status = host.status(InstanceID(key, served))
            let crashes = record.revisions[served]?.spec.behaviour == .crashes
            if !status.mayHaveProcesses, !crashes {
                violations.append("\(key) is Running, its instance is \(status)")
            }
        }
        for (key, record) in records where record.phase == .deleted {
            let rest = host.state.withLock { state in
                state.instances.keys.contains { $0.deployment == key } || state.volumes.contains(key)
                    || state.workspaces.contains { $0.deployment == key }
            }
            if rest { violations.append("\(key) is Deleted and has left something behind") }
        }
    }

    var summary: String {
        disk.records.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.phase)@\($0.value.target)" }
            .joined(separator: " ")
    }
}

/// The fields in which two records differ, for people.
private func differences(_ one: DeploymentRecord, _ other: DeploymentRecord) -> String {
    zip(Mirror(reflecting: one).children, Mirror(reflecting: other).children).compactMap { left, right in
        let (mine, theirs) = ("\(left.value)", "\(right.value)")
        return mine == theirs ? nil : "\(left.label ?? "?"): \(mine) / \(theirs)"
    }.joined(separator: "; ")
}
