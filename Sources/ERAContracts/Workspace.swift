public import ERACore

/// The files of instances that do not depend on the runtime: directories, secrets, volumes; and the ports.
public protocol Workspace: Sendable {
    /// Makes the instance's directory, resolves environment and secrets, makes the volumes.
    ///
    /// Idempotent: a second call finds what the first made and refreshes secrets.
    /// - Throws: ``Failure``: `SecretMissing`, `UserMissing`, `NoSpace`, `FileSystemError`, …
    func prepare(_ id: InstanceID, _ spec: DeploymentSpec, artifact: StoredArtifact?) async throws
        -> PreparedInstance

    /// What `prepare` gave for an instance, with its secrets as they are now; only reads.
    ///
    /// - Throws: ``Failure``: `SecretMissing`; `FileSystemError` where the instance has no directory.
    func existing(_ id: InstanceID, _ spec: DeploymentSpec, artifact: StoredArtifact?) async throws
        -> PreparedInstance

    /// Whether each port of the spec that ERA does not hold itself can be bound now.
    ///
    /// - Throws: ``Failure`` `PortTaken`, transient, which names the port
    ///   and, where the host says, its owner.
    func checkPorts(_ spec: DeploymentSpec) async throws

    /// Keeps beside the instance's files what they are made of, durable when this returns: whoever finds the
    /// instance and has no record of it knows it again.
    ///
    /// Idempotent; another manifest takes the place of the one that was kept. The instance is prepared.
    /// - Parameter manifest: Text; what it means is the engine's.
    /// - Throws: ``Failure``: `NoSpace`, `FileSystemError`.
    func keepManifest(_ manifest: String, of id: InstanceID) async throws

    /// What was kept; nil where nothing was, or not a text.
    ///
    /// - Throws: ``Failure`` `FileSystemError`: it cannot be told.
    func manifest(of id: InstanceID) async throws -> String?

    /// Every instance that has a directory, sorted.
    ///
    /// - Throws: ``Failure`` `FileSystemError`: it cannot be told.
    func instances() async throws -> [InstanceID]

    /// Removes the instance's directory. Succeeds when it is not there.
    func remove(_ id: InstanceID) async throws

    /// Removes the volumes of the deployment that are not to be retained,
    /// and what is left of its directories.
    func removeVolumes(_ key: DeploymentKey, _ specs: [VolumeSpec]) async throws
}
