@testable import ERACore

/// What the walk knows of the machine beside the record: the instances, and a ledger of what was really done.
struct World: Hashable {
    enum Status: Int, Hashable {
        case absent, installed, running, succeeded, crashed, stopping
    }

    enum Verdict: Int, Hashable, CaseIterable {
        case pending, healthy, unready, failed
    }

    /// What a revision went through; a bit each.
    struct Done: OptionSet, Hashable {
        let rawValue: Int
        static let validated = Done(rawValue: 1)
        static let fetched = Done(rawValue: 2)
        static let prepared = Done(rawValue: 4)
        static let ready: Done = [.validated, .fetched, .prepared]
    }

    struct Place: Hashable {
        var status = Status.absent
        var verdict = Verdict.pending
        /// Since it was purged last.
        var done: Done = []
    }

    /// By revision, from 1.
    var places: [Place]
    /// What the target went through since it became the target.
    var fresh: Done = []
    /// Revisions that failed and that nobody has released.
    var condemned: Set<Int> = []
    var hasVolumes = true

    init(revisions: Int) { places = Array(repeating: Place(), count: revisions) }

    subscript(_ revision: RevisionNumber) -> Place {
        get { places[revision.rawValue - 1] }
        set { places[revision.rawValue - 1] = newValue }
    }

    /// Revisions that have processes.
    var active: [Int] {
        places.indices.filter { places[$0].status == .running || places[$0].status == .stopping }.map {
            $0 + 1
        }
    }

    func observation(at now: Timestamp) -> Observation {
        var observation = Observation()
        for (index, place) in places.enumerated() {
            let revision = RevisionNumber(index + 1)
            switch place.status {
            case .absent: break
            case .installed: observation.instances[revision] = .installed
            case .running:
                observation.instances[revision] = .running(
                    InstanceStatus.Running(pid: 1, startedAt: Uptime(sinceBoot: .zero))
                )
                observation.health[revision] = verdict(place.verdict)
            case .succeeded: observation.instances[revision] = .ended(0)
            case .crashed: observation.instances[revision] = .ended(1)
            case .stopping: observation.instances[revision] = .stopping
            }
        }
        return observation
    }

    private func verdict(_ verdict: Verdict) -> HealthVerdict {
        switch verdict {
        case .pending: .pending("waiting")
        case .healthy: .healthy(since: Uptime(sinceBoot: .zero))
        case .unready: .unready("not ready")
        case .failed: .failed(.transient(.livenessProbeFailed, "dead"))
        }
    }

    /// What a step does to the machine when it works.
    mutating func perform(_ step: Step) {
        switch step {
        case .validate, .fetch, .prepare: break
        case .install(let revision):
            if self[revision].status == .absent { self[revision].status = .installed }
        case .start(let revision):
            if self[revision].status != .running {
                self[revision].status = .running
                self[revision].verdict = .pending
            }
        case .stop(let revision):
            if active.contains(revision.rawValue) { self[revision].status = .installed }
        case .remove(let revision): self[revision].status = .absent
        case .purge(let revision): self[revision] = Place()
        case .removeVolumes: hasVolumes = false
        }
    }

    /// Notes what the engine was told.
    mutating func report(_ step: Step, target: RevisionNumber) {
        switch step {
        case .validate(let revision): note(.validated, revision, target)
        case .fetch(let revision): note(.fetched, revision, target)
        case .prepare(let revision): note(.prepared, revision, target)
        case .install, .start, .stop, .remove, .purge, .removeVolumes: break
        }
    }

    private mutating func note(_ done: Done, _ revision: RevisionNumber, _ target: RevisionNumber) {
        self[revision].done.insert(done)
        if revision == target { fresh.insert(done) }
    }

    /// Notes what a fact means for the ledger.
    mutating func follow(_ kind: JournalEvent.Kind, from old: DeploymentRecord, to new: DeploymentRecord) {
        switch kind {
        case .declared(let declaration, _, _) where declaration.generation != old.generation:
            condemned.remove(declaration.revision.rawValue)
        case .requested(.retry): condemned.remove(old.declaration.revision.rawValue)
        case .requested(.rollback(let revision)), .requested(.accept(let revision)):
            condemned.remove(revision.rawValue)
        default: break  // the walk's own look at a few events
        }
        if new.target != old.target { fresh = [] }
        let isDefeat = new.phase == .rollingBack || new.phase == .failed
        if isDefeat, new.phase != old.phase, old.phase != .rollingBack {
            condemned.insert(old.target.rawValue)
        }
    }

    /// Everything that runs is gone, as after a power failure.
    mutating func reboot() {
        for index in places.indices where places[index].status != .absent {
            places[index].status = .installed
        }
    }
}
