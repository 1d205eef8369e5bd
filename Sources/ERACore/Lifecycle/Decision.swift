/// What is known of the world outside the record when a decision is taken.
public struct Observation: Hashable, Sendable {
    /// The instance of each revision that may be on this machine.
    public var instances: [RevisionNumber: InstanceStatus]
    /// Revisions whose plugin could not say what there is of them, and why.
    public var unobservable: [RevisionNumber: Failure]
    /// What the probes say of the instances that run.
    public var health: [RevisionNumber: HealthVerdict]
    /// Dependencies that are not Available.
    public var unmetDependencies: [DeploymentKey]
    /// Deployments that depend on this one and still are being deleted.
    public var dependents: [DeploymentKey]
    /// When the step in progress, or the last one, told how far it had come; nil when none did.
    public var progressedAt: Uptime?

    public init(
        instances: [RevisionNumber: InstanceStatus] = [:],
        unobservable: [RevisionNumber: Failure] = [:],
        health: [RevisionNumber: HealthVerdict] = [:],
        unmetDependencies: [DeploymentKey] = [],
        dependents: [DeploymentKey] = [],
        progressedAt: Uptime? = nil
    ) {
        self.instances = instances
        self.unobservable = unobservable
        self.health = health
        self.unmetDependencies = unmetDependencies
        self.dependents = dependents
        self.progressedAt = progressedAt
    }

    /// What there is of a revision; `absent` for one that is not on this machine.
    func status(_ revision: RevisionNumber) -> InstanceStatus { instances[revision] ?? .absent }

    /// Revisions other than `revision` that may have processes, oldest first.
    func active(except revision: RevisionNumber?) -> [RevisionNumber] {
        instances.filter { $0.key != revision && $0.value.mayHaveProcesses }.keys.sorted()
    }
}

/// The next thing to do for a deployment.
public enum Decision: Hashable, Sendable {
    /// Note a fact that follows from what was observed, then decide again.
    case record(JournalEvent.Kind)
    /// Perform one effect, note its outcome, then decide again.
    case run(Step)
    /// Nothing now; why, and when at the latest to look again.
    case wait(Wait)
    /// Nothing until something changes.
    case idle
}
