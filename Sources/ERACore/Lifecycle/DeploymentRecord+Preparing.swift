extension DeploymentRecord {
    /// The ports that must be free before a revision is started: its own, but those that an instance of the
    /// same deployment holds now and gives up, or hands over, before the start, and those that are kept for
    /// it.
    ///
    /// - Parameter active: The revisions that may have processes.
    public func portsToCheck(for revision: RevisionNumber, active: Set<RevisionNumber>) -> [PortSpec] {
        guard let spec = revisions[revision]?.spec else { return [] }
        let held = active.flatMap { revisions[$0]?.spec.ports ?? [] } + keptPorts
        return spec.ports.filter { port in
            !held.contains { $0.port == port.port && $0.transport == port.transport }
        }
    }

    /// Ports that a stop keeps for the deployment's next instance, which is given them, or before whose start
    /// they are let go of: sockets that are handed over, and what is mapped to a container (docs/shim.md).
    public var keptPorts: [PortSpec] {
        mayKeepPorts.compactMap { revisions[$0]?.spec }.flatMap { spec in
            spec.hasMappedPorts ? spec.ports : spec.ports.filter(\.passSocket)
        }
    }

    /// What serves was started last, and its start let go of what others kept; where nothing does, any that
    /// was installed may be the last one.
    private var mayKeepPorts: [RevisionNumber] {
        if case .updating(let update) = state, let serving = update.serving { return [serving.revision] }
        return Array(handles.keys)
    }

    /// Plugins that may keep listening sockets which an instance of this spec is not given.
    public func pluginsWithSockets(besides spec: DeploymentSpec) -> Set<PluginName> {
        guard !spec.ports.contains(where: \.passSocket) else { return [] }
        let others = revisions.values.filter { $0.spec.ports.contains(where: \.passSocket) }
        return Set(others.map(\.spec.runtime.plugin)).subtracting([spec.runtime.plugin])
    }

    /// Plugins that may lead ports to an instance that has ended by itself, besides that of this spec.
    public func pluginsWithMappings(besides spec: DeploymentSpec) -> Set<PluginName> {
        let mapping = revisions.values.map(\.spec).filter(\.hasMappedPorts)
        return Set(mapping.map(\.runtime.plugin)).subtracting([spec.runtime.plugin])
    }

    /// Every volume that the deployment may have on disk, once: as it is declared now, or, where it no longer
    /// is, as the newest revision that had it says. So the last word on `retain` counts.
    public var volumes: [VolumeSpec] {
        var latest: [PartName: VolumeSpec] = [:]
        for revision in revisions.values.sorted(by: { $0.number < $1.number }) {
            for volume in revision.spec.volumes { latest[volume.name] = volume }
        }
        for volume in declaration.deployment.spec.volumes { latest[volume.name] = volume }
        return latest.values.sorted { $0.name < $1.name }
    }

    /// Whether an event must be on disk before any later effect: it changes what the deployment is driven to,
    /// or what may be removed from disk.
    ///
    /// Everything else is found again by observation if a crash loses it.
    public func mustPersist(before next: DeploymentRecord) -> Bool {
        guard epoch == next.epoch, target == next.target, declaration == next.declaration,
            isHeld == next.isHeld,
            quarantine == next.quarantine, referenced.isSubset(of: next.referenced)
        else { return true }
        // What serves is stopped next: found stopped after a crash, it must not be taken for crashed.
        if next.state.stopsWhatServes, !state.stopsWhatServes { return true }
        guard phase != next.phase else { return false }
        switch next.phase {
        case .updating, .rollingBack, .stopping, .uninstalling, .deleted, .failed, .rollbackFailed:
            return true
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .running:
            return false
        }
    }
}

extension LifecycleState {
    fileprivate var stopsWhatServes: Bool {
        if case .updating(let update) = self { update.step == .stop } else { false }
    }
}

extension DeploymentSpec {
    /// Whether its ports are held, and lead to a container on a bridge.
    fileprivate var hasMappedPorts: Bool {
        runtime.plugin == .container && runtime.config["network"]?.string == "bridge"
    }
}
