import ERAContracts
import ERACore
import Synchronization

/// The workspace of a simulated machine.
struct ScriptedWorkspace: Workspace {
    let host: SimulatedHost
    let faults: Faults
    let incarnation: Int

    func prepare(
        _ id: InstanceID,
        _ spec: DeploymentSpec,
        artifact: StoredArtifact?
    ) async throws -> PreparedInstance {
        try await faults.perform("prepare \(id)", incarnation, of: id.deployment, failing: 0.05) {
            host.state.withLock { state in
                if let digest = artifact?.digest, state.blobs[digest] == nil {
                    state.violations.append("the artifact of \(id) was collected")
                }
                _ = state.workspaces.insert(id)
                if !spec.volumes.isEmpty { state.volumes.insert(id.deployment) }
            }
            return PreparedInstance(id: id, spec: spec, directory: "/instances/\(id)")
        }
    }

    func existing(
        _ id: InstanceID,
        _ spec: DeploymentSpec,
        artifact: StoredArtifact?
    ) async throws -> PreparedInstance {
        try faults.ensureAlive(incarnation)
        guard host.state.withLock({ $0.workspaces.contains(id) }) else {
            throw Failure.permanent(.fileSystemError, "\(id) has no directory")
        }
        return PreparedInstance(id: id, spec: spec, directory: "/instances/\(id)")
    }

    func checkPorts(_ spec: DeploymentSpec) async throws { try faults.ensureAlive(incarnation) }

    func keepManifest(_ manifest: String, of id: InstanceID) async throws {
        try faults.ensureAlive(incarnation)
        host.state.withLock { state in
            if !state.workspaces.contains(id) {
                state.violations.append("manifest of \(id) kept before prepare")
            }
            state.manifests[id] = manifest
        }
    }

    func manifest(of id: InstanceID) async throws -> String? { host.state.withLock { $0.manifests[id] } }

    func instances() async throws -> [InstanceID] { host.state.withLock { $0.workspaces.sorted() } }

    func remove(_ id: InstanceID) async throws {
        try await faults.perform("remove \(id)", incarnation, of: id.deployment) {
            host.state.withLock { state in
                state.manifests[id] = nil
                if state.instances[id] != nil {
                    state.violations.append("workspace of \(id) removed before delete")
                }
                state.workspaces.remove(id)
            }
        }
    }

    func removeVolumes(_ key: DeploymentKey, _ specs: [VolumeSpec]) async throws {
        try await faults.perform("removeVolumes \(key)", incarnation, of: key) {
            host.state.withLock { state in
                let isUsed = state.instances.keys.contains { $0.deployment == key }
                if isUsed { state.violations.append("volumes of \(key) removed while it has instances") }
                state.volumes.remove(key)
            }
        }
    }
}

/// A fetcher that has everything but what the version says is missing.
struct ScriptedFetcher: ArtifactFetcher {
    let host: SimulatedHost
    let faults: Faults
    let incarnation: Int

    /// A key that says that it is none, is none.
    func problems(of artifact: ArtifactSpec) -> [SpecProblem] {
        guard let signature = artifact.signature, signature.keys.contains(.text("no key")) else { return [] }
        return [SpecProblem(field: "spec.artifact.signature.publicKey", message: "is no key, by script")]
    }

    func fetch(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        known: StoredArtifact?,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        try await faults.tell("fetch \(artifact.source)", progress)
        return try await faults.perform("fetch \(artifact.source)", incarnation) {
            guard let digest = artifact.digest, !artifact.source.url.hasSuffix("missing") else {
                throw Failure.permanent(.fetchRefused, "404 for \(artifact.source), by script")
            }
            progress(StepProgress(done: ByteCount(1), total: ByteCount(1)))
            host.state.withLock { $0.blobs[digest] = faults.clock.now().uptime }
            return StoredArtifact(digest: digest, size: ByteCount(1), path: "/blobs/\(digest)", name: "blob")
        }
    }

    func pull(
        _ artifact: ArtifactSpec,
        in namespace: NamespaceName,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> StoredArtifact {
        try await fetch(artifact, in: namespace, known: nil, progress: progress)
    }

    func pin(_ digests: Set<Digest>) async throws {
        try faults.ensureAlive(incarnation)
        host.state.withLock { $0.pins = digests }
    }

    /// What is not pinned is kept for a minute after its last use.
    func collect(all: Bool) async throws -> ByteCount {
        try faults.ensureAlive(incarnation)
        host.state.withLock { state in
            guard let pins = state.pins else { return }
            let now = faults.clock.now().uptime
            let lifetime = Duration.seconds(all ? 0 : 60)
            state.blobs = state.blobs.filter { pins.contains($0.key) || now - $0.value < lifetime }
        }
        return ByteCount(0)
    }
}

/// A prober that knows how each version behaves.
struct ScriptedProber: HealthProber {
    let host: SimulatedHost
    let faults: Faults
    /// The ports tell whom a probe is for.
    let owners: @Sendable (Int) -> DeploymentKey?

    func probe(_ request: ProbeRequest) async -> ProbeOutcome {
        faults.chronicle.count("probe")
        if faults.isStalled("probe") {
            let end = faults.clock.now().uptime + .seconds(30 * 24 * 3600)
            // A probe that is cancelled answers at once.
            try? await faults.clock.sleep(until: end)
        }
        // A command does nothing but say that it could be run.
        if case .exec = request.target { return .success }
        guard case .tcp(_, let port) = request.target, let key = owners(port) else {
            return .failure("nobody listens")
        }
        let spec = host.state.withLock { state in
            state.instances.first { $0.key.deployment == key && $0.value.status.mayHaveProcesses }?.value.spec
        }
        let isSickened = host.state.withLock { $0.sickened.contains(key) }
        guard let spec, spec.behaviour != .sick, spec.behaviour != .neverReady, !isSickened else {
            return .failure("refused, by script")
        }
        return faults.isOn && faults.random.chance(0.03) ? .failure("timed out, by script") : .success
    }
}
