public import ERAContracts
public import ERACore

/// Runs programs of the host, or from an artifact, each below a shim that outlives the daemon.
public struct ProcessPlugin: RuntimePlugin {
    /// The plugin's own version.
    static let version = SemanticVersion(major: 1, minor: 0, patch: 0)
    /// The version of the handle's payload.
    static let handleVersion = 1

    public let description: PluginDescription
    let host: ShimHost
    let workloads: ShimWorkloads

    /// Makes the plugin; starts nothing.
    public init(_ host: ShimHost) {
        self.host = host
        workloads = host.workloads(of: .process)
        description = PluginDescription(
            name: .process,
            version: Self.version,
            capabilities: [
                .withoutArtifact, .passSocket, .resourceLimits, .user, .volumes, .logs, .execProbe,
            ],
            configSchema: ProcessConfig.schema,
            details: host.details
        )
    }

    public func status(_ id: InstanceID) async throws -> InstanceStatus { try await workloads.status(id) }

    public func stop(_ id: InstanceID, _ stop: StopSpec) async throws { try await workloads.stop(id, stop) }

    public func release(_ key: DeploymentKey) async { await workloads.release(key) }

    public func delete(_ id: InstanceID) async throws { try await workloads.delete(id) }

    public func instances() async throws -> [InstanceID] { try workloads.instances() }

    public func changes() -> AsyncStream<InstanceID> { workloads.changes() }

    public func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error> {
        workloads.logs(id, request)
    }
}
