public import ERACore

/// The files of instances that do not depend on the runtime: directories, secrets, volumes; and the ports.
public protocol Workspace: Sendable {
    /// Makes the instance's directory, resolves environment and secrets, makes the volumes.
    ///
    /// Idempotent: a second call finds what the first made and refreshes secrets.
    /// - Throws: ``Failure``: `SecretMissing`, `UserMissing`, `NoSpace`, `FileSystemError`, …
    func prepare(_ id: InstanceID, _ spec: DeploymentSpec, artifact: StoredArtifact?) async throws
        -> PreparedInstance

    /// Whether each port of the spec that ERA does not hold itself can be bound now.
    ///
    /// - Throws: ``Failure`` `PortTaken`, transient, which names the port and, where the host says, its owner.
    func checkPorts(_ spec: DeploymentSpec) async throws

    /// Removes the instance's directory. Succeeds when it is not there.
    func remove(_ id: InstanceID) async throws

    /// Removes the volumes of the deployment that are not to be retained, and what is left of its directories.
    func removeVolumes(_ key: DeploymentKey, _ specs: [VolumeSpec]) async throws
}
