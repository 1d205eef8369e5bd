/// Instances of a deployment that exist on this machine and are in no record: the store was lost, or is older
/// than what happened since.
public struct FoundInstances: Hashable, Sendable, Codable {
    /// What they were made of, as far as anybody can say.
    public var revisions: [Revision]
    /// The one that serves in place of the target, and comes back should the target fail; nil where the
    /// target itself runs, or nothing that is known well enough.
    public var serving: RevisionNumber?
    /// The one that is kept to go back to.
    public var previous: RevisionNumber?

    public init(revisions: [Revision], serving: RevisionNumber? = nil, previous: RevisionNumber? = nil) {
        self.revisions = revisions
        self.serving = serving
        self.previous = previous
    }
}

extension DeploymentRecord {
    /// Takes up what was found, so that it is observed, and then kept, replaced or removed like all else.
    mutating func take(_ found: FoundInstances, at now: Timestamp) -> Bool {
        if case .deleted = state { return false }
        for revision in found.revisions where !onDisk.contains(revision.number) {
            onDisk.insert(revision.number)
            newestRevision = max(newestRevision, revision.number)
            // What the record remembers of it counts more.
            guard revisions[revision.number] == nil else { continue }
            revisions[revision.number] = revision
            outcomes[revision.number] = RevisionOutcome(verdict: .superseded, at: now.wall)
        }
        if previous == nil, let candidate = found.previous, candidate != target, onDisk.contains(candidate) {
            previous = candidate
        }
        guard case .requested(var rollout) = state, rollout.restoreTo == nil, let serving = found.serving,
            serving != rollout.target, onDisk.contains(serving)
        else { return true }
        rollout.restoreTo = serving
        state = .requested(rollout)
        return true
    }
}
