import ERAContracts
import ERACore

/// Performs one step for one deployment; chooses nothing.
struct StepExecutor: Sendable {
    let plugins: PluginTable
    let workspace: any Workspace
    let fetcher: any ArtifactFetcher

    /// One step with what it needs to know.
    struct Order: Sendable {
        let step: Step
        let record: DeploymentRecord
        /// Revisions that may have processes now.
        let active: Set<RevisionNumber>
        let progress: @Sendable (StepProgress) -> Void

        /// Whether another revision may serve meanwhile: what can be made beforehand is.
        var replaces: Bool { active.contains { $0 != step.revision } }
    }

    /// - Throws: ``Failure``, and whatever an adapter throws: the engine counts that as transient.
    func perform(_ order: Order) async throws -> StepResult {
        let record = order.record
        switch order.step {
        case .validate(let revision):
            try await validate(try spec(revision, record))
            return .done
        case .fetch(let revision):
            return .fetched(try await artifact(revision, record, progress: order.progress))
        case .prepare(let revision):
            let instance = try await prepared(revision, record)
            try await checkPorts(revision, order)
            if order.replaces {
                try await plugin(try spec(revision, record)).stage(instance, progress: order.progress)
            }
            return .done
        case .install(let revision):
            let plugin = try plugin(try spec(revision, record))
            let instance = try await prepared(revision, record)
            return .installed(try await plugin.install(instance, progress: order.progress))
        case .start(let revision):
            try await start(revision, record)
            return .done
        case .stop(let revision):
            let plugin = try plugin(try spec(revision, record))
            try await plugin.stop(InstanceID(record.key, revision), record.policy(for: revision).stop)
            return .done
        case .remove(let revision):
            try await delete(revision, record)
            return .done
        case .purge(let revision):
            try await delete(revision, record)
            try await workspace.remove(InstanceID(record.key, revision))
            return .done
        case .removeVolumes:
            try await workspace.removeVolumes(record.key, record.volumes)
            return .done
        }
    }

    /// - Parameter persistence: Of the failure when there is no such plugin. It was there when the spec was
    ///   validated, and may come back.
    func plugin(
        _ spec: DeploymentSpec,
        orElse persistence: Failure.Persistence = .transient
    ) throws -> any RuntimePlugin {
        switch plugins.find(spec.runtime.plugin) {
        case .usable(let plugin): return plugin
        case .unusable(let why):
            throw Failure(.pluginMissing, "the runtime plugin \(spec.runtime.plugin) \(why)", persistence)
        }
    }

    private func spec(_ revision: RevisionNumber, _ record: DeploymentRecord) throws -> DeploymentSpec {
        guard let spec = record.revisions[revision]?.spec else {
            throw Failure.permanent(.internalFault, "revision \(revision) of \(record.key) is not remembered")
        }
        return spec
    }

    private func validate(_ spec: DeploymentSpec) async throws {
        let plugin = try plugin(spec, orElse: .permanent)
        let description = plugin.description
        if let requirement = spec.runtime.pluginVersion, !requirement.accepts(description.version) {
            throw Failure.permanent(
                .pluginVersionRefused,
                "spec.runtime.pluginVersion asks for \(requirement), and plugin \(description.name) is "
                    + "\(description.version)"
            )
        }
        let problems =
            unsupported(by: description, spec) + (spec.artifact.map { fetcher.problems(of: $0) } ?? [])
            + (try await plugin.validate(spec))
        guard problems.isEmpty else {
            let text = problems.map { "\($0.field): \($0.message)" }.joined(separator: "; ")
            throw Failure.permanent(.invalidSpec, text)
        }
    }

    private func artifact(
        _ revision: RevisionNumber,
        _ record: DeploymentRecord,
        progress: @escaping @Sendable (StepProgress) -> Void = { _ in }
    ) async throws -> StoredArtifact? {
        guard let artifact = try spec(revision, record).artifact else { return nil }
        let fetched = try await fetcher.fetch(
            artifact,
            in: record.key.namespace,
            known: record.artifacts[revision],
            progress: progress
        )
        if let refusal = record.downgrade(to: fetched, for: revision) { throw refusal }
        return fetched
    }

    /// The instance with everything in place, and with what it is made of noted beside it.
    func prepared(_ revision: RevisionNumber, _ record: DeploymentRecord) async throws -> PreparedInstance {
        let id = InstanceID(record.key, revision)
        let spec = try spec(revision, record)
        var artifact = record.artifacts[revision]
        // A revision that was found after the database was lost: the content store still has what it pins.
        if artifact == nil { artifact = try await self.artifact(revision, record) }
        let instance = try await workspace.prepare(id, spec, artifact: artifact)
        try await workspace.keepManifest(InstanceManifest.text(spec, of: record.key), of: id)
        return instance
    }

    private func checkPorts(_ revision: RevisionNumber, _ order: Order) async throws {
        guard !order.active.contains(revision) else { return }
        var spec = try spec(revision, order.record)
        spec.ports = order.record.portsToCheck(for: revision, active: order.active)
        try await workspace.checkPorts(spec)
    }

    private func start(_ revision: RevisionNumber, _ record: DeploymentRecord) async throws {
        let spec = try spec(revision, record)
        let plugin = try plugin(spec)
        let instance = try await prepared(revision, record)
        let others = record.pluginsWithSockets(besides: spec).union(record.pluginsWithMappings(besides: spec))
        for other in others { await plugins[other]?.release(record.key) }
        if let handle = record.handles[revision] {
            try await plugin.start(instance, handle: handle)
        } else {
            // The handle was lost with a crash; install finds what it made and gives it again.
            try await plugin.start(instance, handle: try await plugin.install(instance))
        }
    }

    private func delete(_ revision: RevisionNumber, _ record: DeploymentRecord) async throws {
        let spec = try spec(revision, record)
        // What a plugin never installed needs no plugin to go away.
        if plugins[spec.runtime.plugin] == nil, record.handles[revision] == nil { return }
        try await plugin(spec).delete(InstanceID(record.key, revision))
    }
}

/// What a spec asks for and its plugin does not declare.
private func unsupported(by plugin: PluginDescription, _ spec: DeploymentSpec) -> [SpecProblem] {
    let probes = ProbeKind.allCases.compactMap { spec.health[$0]?.handler }
    let hasExecProbe = probes.contains { if case .exec = $0 { true } else { false } }
    let demands: [(PluginDescription.Capability, Bool, String)] = [
        (.withoutArtifact, spec.artifact == nil, "spec.artifact"),
        (.passSocket, spec.ports.contains(where: \.passSocket), "spec.ports"),
        (.resourceLimits, !spec.resources.isEmpty, "spec.resources"),
        (.user, spec.user != nil, "spec.user"),
        (.volumes, !spec.volumes.isEmpty, "spec.volumes"),
        (.execProbe, hasExecProbe, "spec.health"),
        (.blueGreen, spec.update.strategy == .blueGreen, "spec.update.strategy"),
    ]
    return demands.filter { $0.1 && !plugin.capabilities.contains($0.0) }.map { capability, _, field in
        let what =
            capability == .withoutArtifact ? "needs an artifact" : "does not support \(capability.rawValue)"
        return SpecProblem(field: field, message: "plugin \(plugin.name) \(what)")
    }
}
