/// One effect on the world; the engine runs at most one at a time for a deployment.
///
/// Every step is idempotent: after a crash it is run again, or found done by observation.
public enum Step: Hashable, Sendable, Codable, CustomStringConvertible {
    case validate(RevisionNumber)
    case fetch(RevisionNumber)
    case prepare(RevisionNumber)
    case install(RevisionNumber)
    case start(RevisionNumber)
    case stop(RevisionNumber)
    /// Remove what the plugin made for a revision; its logs stay.
    case remove(RevisionNumber)
    /// Remove everything of a revision from disk.
    case purge(RevisionNumber)
    /// Remove the deployment's volumes and directories.
    case removeVolumes

    /// The word that `status.step` shows.
    public var name: String {
        switch self {
        case .validate: "Validate"
        case .fetch: "Fetch"
        case .prepare: "Prepare"
        case .install: "Install"
        case .start: "Start"
        case .stop: "Stop"
        case .remove: "Remove"
        case .purge: "Purge"
        case .removeVolumes: "RemoveVolumes"
        }
    }

    /// The revision that the step is about; nil for what concerns the whole deployment.
    public var revision: RevisionNumber? {
        switch self {
        case .validate(let revision), .fetch(let revision), .prepare(let revision), .install(let revision),
            .start(let revision), .stop(let revision), .remove(let revision), .purge(let revision):
            revision
        case .removeVolumes: nil
        }
    }

    public var description: String { revision.map { "\(name) revision \($0)" } ?? name }
}

/// What a step that succeeded leaves for the record.
public enum StepResult: Hashable, Sendable, Codable {
    case done
    /// Of `fetch`: nil where the revision has no artifact.
    case fetched(StoredArtifact?)
    /// Of `install`.
    case installed(InstanceHandle)
}
