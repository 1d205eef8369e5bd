import ERAContracts
import ERACore
import Synchronization

/// A plugin whose instances live on a ``SimulatedHost``.
struct ScriptedPlugin: RuntimePlugin {
    let host: SimulatedHost
    let faults: Faults
    let incarnation: Int
    let changed: Hints
    let sabotage: Sabotage?

    var description = PluginDescription(
        name: .process,
        version: .one,
        capabilities: Set(PluginDescription.Capability.allCases),
        configSchema: .object([:])
    )

    func validate(_ spec: DeploymentSpec) async throws -> [SpecProblem] {
        try await faults.perform("validate \(spec.version)", incarnation) {
            spec.behaviour == .invalid
                ? [SpecProblem(field: "spec.command", message: "is invalid by script")] : []
        }
    }

    func stage(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {
        try await faults.perform("stage \(instance.id)", incarnation, of: instance.id.deployment) {
            if !host.state.withLock({ $0.workspaces.contains(instance.id) }) {
                host.violation("stage of \(instance.id), which has no place")
            }
        }
    }

    func install(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> InstanceHandle {
        try await faults.perform("install \(instance.id)", incarnation, of: instance.id.deployment) {
            host.install(instance.id, instance.spec)
            return InstanceHandle(version: 1, payload: .string(instance.id.description))
        }
    }

    func start(_ instance: PreparedInstance, handle: InstanceHandle) async throws {
        if handle.payload != .string(instance.id.description) {
            host.violation("start of \(instance.id) with the handle of another instance")
        }
        try await faults.perform("start \(instance.id)", incarnation, of: instance.id.deployment) {
            let isBroken = host.state.withLock { $0.broken.contains(instance.id.deployment) }
            guard instance.spec.behaviour != .unstartable, !isBroken else {
                throw Failure.permanent(.startFailed, "cannot be started, by script")
            }
            // A plugin that lies says that all is well and has done nothing.
            if faults.isOn, faults.random.chance(0.03) { return }
            if sabotage == .startsEarly { host.startAnother(instance.id, at: faults.clock.now().uptime) }
            _ = host.start(instance.id, at: faults.clock.now().uptime)
        }
    }

    func release(_ key: DeploymentKey) async { faults.chronicle.log("release \(key)") }

    func status(_ id: InstanceID) async throws -> InstanceStatus {
        try faults.ensureAlive(incarnation)
        faults.chronicle.count("status")
        if faults.isStalled("status \(id)") {
            try await faults.clock.sleep(until: faults.clock.now().uptime + .seconds(5))
            throw Failure.transient(.timeout, "no answer from \(id), which hangs")
        }
        if faults.isOn, faults.random.chance(0.02) {
            throw Failure.transient(.timeout, "no answer from \(id), by script")
        }
        return host.status(id)
    }

    func stop(_ id: InstanceID, _ stop: StopSpec) async throws {
        try await faults.perform("stop \(id)", incarnation, of: id.deployment, failing: 0.15) {
            if faults.isOn, faults.random.chance(0.05) {
                throw Failure.transient(.stopStuck, "does not end, by script")
            }
            if sabotage != .stopDoesNothing { host.stop(id) }
        }
    }

    func delete(_ id: InstanceID) async throws {
        try await faults.perform("delete \(id)", incarnation, of: id.deployment) {
            if sabotage != .deleteDoesNothing { host.delete(id) }
        }
    }

    func probeEnvironment(_ instance: PreparedInstance) async throws -> ProbeEnvironment {
        ProbeEnvironment(workingDirectory: instance.directory, variables: [:], user: nil)
    }

    func instances() async throws -> [InstanceID] { host.state.withLock { $0.instances.keys.sorted() } }

    func changes() -> AsyncStream<InstanceID> { changed.stream }

    func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error> {
        AsyncThrowingStream { stream in
            stream.yield(Array("output of \(id)".utf8))
            stream.finish()
        }
    }
}

extension SemanticVersion {
    /// 1.0.0.
    static let one = SemanticVersion(major: 1, minor: 0, patch: 0)
}

/// Hints that something changed, for one process.
struct Hints: Sendable {
    let stream: AsyncStream<InstanceID>
    let continuation: AsyncStream<InstanceID>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64)) }
}
