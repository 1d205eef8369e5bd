public import ERAContracts
public import ERACore

/// Runs WASI preview 1 modules: each an engine of the host below a shim that outlives the daemon.
public struct WasmPlugin: RuntimePlugin {
    /// What manifests call it.
    public static let name = PluginName.wasm
    /// The plugin's own version.
    static let version = SemanticVersion(major: 1, minor: 0, patch: 0)

    let host: ShimHost
    let workloads: ShimWorkloads
    let engines: WasmEngines

    /// Makes the plugin; starts nothing.
    public init(_ host: ShimHost) {
        self.host = host
        workloads = host.workloads(of: .wasm)
        engines = WasmEngines(searchPath: host.options.searchPath)
    }

    /// The engine in it is the one that the next installation would use.
    public var description: PluginDescription {
        var details = host.details
        details["engine"] = engines.summary
        return PluginDescription(
            name: .wasm,
            version: Self.version,
            capabilities: [.withoutArtifact, .resourceLimits, .user, .volumes, .logs, .execProbe],
            configSchema: WasmConfig.schema,
            details: details
        )
    }

    /// The engine that a daemon with this PATH would use, and what it lacks; or what is wrong.
    public static func engine(searchPath: [String]) async -> (isUsable: Bool, text: String) {
        do {
            return (true, try await WasmEngines(searchPath: searchPath).find(nil).summary)
        } catch let failure as Failure {
            return (false, failure.message)
        } catch {
            return (false, "\(error)")
        }
    }

    public func status(_ id: InstanceID) async throws -> InstanceStatus { try await workloads.status(id) }

    public func stop(_ id: InstanceID, _ stop: StopSpec) async throws { try await workloads.stop(id, stop) }

    public func delete(_ id: InstanceID) async throws { try await workloads.delete(id) }

    public func instances() async throws -> [InstanceID] { try workloads.instances() }

    public func changes() -> AsyncStream<InstanceID> { workloads.changes() }

    public func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error> {
        workloads.logs(id, request)
    }
}
