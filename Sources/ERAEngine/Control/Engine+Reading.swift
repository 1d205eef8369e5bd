public import ERAContracts
public import ERACore

/// What the API reads.
extension Engine: ControlPlane {
    public func list() async -> DeploymentList {
        await loaded()
        return currentList
    }

    private var currentList: DeploymentList {
        // Keys are cheaper to sort than views.
        let views = entries.keys.sorted().compactMap { currentView($0) }
        return DeploymentList(views: views, resourceVersion: outbox.resourceVersion)
    }

    public func view(_ key: DeploymentKey) async -> DeploymentView? {
        await loaded()
        return currentView(key)
    }

    /// One deployment as it may be shown; nil when there is none.
    func currentView(_ key: DeploymentKey) -> DeploymentView? {
        guard let entry = entries[key] else { return nil }
        guard let veil = outbox.veils[key] else { return entry.isShown ? entry.view : nil }
        guard let record = veil.record, record.phase != .deleted else { return nil }
        var view = entry.view
        view.record = record
        if !record.isBeingDeleted { view.deletionRequestedAt = nil }
        return view
    }

    public func watch() async -> (list: DeploymentList, changes: AsyncStream<DeploymentChange>) {
        await loaded()
        return (currentList, watchers.add())
    }

    /// Tells those who watch how a deployment is now.
    func publish(_ key: DeploymentKey, isNew: Bool = false) {
        guard !watchers.isEmpty, let entry = entries[key] else { return }
        if let view = currentView(key) {
            watchers.send(DeploymentChange(kind: isNew ? .added : .modified, view: view))
        } else if outbox.veils[key] == nil {
            watchers.send(DeploymentChange(kind: .deleted, view: entry.view))
        }
    }

    public func events(_ key: DeploymentKey?) async throws -> [StoredEvent] {
        try await seams.store.events(key)
    }

    public func watchEvents() -> AsyncStream<StoredEvent> { eventWatchers.add() }

    public func sources() -> [SourceStatus] {
        sourceStates.values.map { $0.status() }.sorted { $0.id < $1.id }
    }

    public func plugins() -> [ListedPlugin] {
        let usable = pluginTable.values.map { (rank: 0, plugin: ListedPlugin.usable($0.description)) }
        let refused = pluginTable.refused.map { (rank: 1, plugin: ListedPlugin.refused($0)) }
        return (usable + refused)
            .sorted { ($0.plugin.name, $0.rank) < ($1.plugin.name, $1.rank) }
            .map(\.plugin)
    }

    public func problem(of key: DeploymentKey) -> String? {
        guard entries[key]?.isShown != true else { return nil }
        let sources = sourceStates.sorted { $0.key < $1.key }
        return sources.lazy.compactMap { $0.value.problemsByKey { _ in false }[key] }.first
    }

    public func health() -> EngineHealth {
        var phases: [Phase: Int] = [:]
        for (key, entry) in entries {
            let record = outbox.veils[key].map(\.record) ?? entry.record
            if let phase = record?.phase, phase != .deleted { phases[phase, default: 0] += 1 }
        }
        return EngineHealth(
            isReady: hasStarted,
            degraded: degraded
                ?? quarantinedCopy.map {
                    "the database was damaged or missing at start; the old one lies in \($0)"
                },
            startedAt: startedAt,
            phases: phases,
            busy: queue.count
        )
    }

    public func logs(
        _ key: DeploymentKey,
        previous: Bool,
        _ request: LogRequest
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        try await ensureLoaded()
        guard let record = entries[key]?.record, record.phase != .deleted else {
            throw ControlFault.notFound(key)
        }
        let current = record.servedRevision ?? record.target
        let earlier = record.onDisk.subtracting([current])
        guard
            let revision = previous
                ? record.lastFailed.flatMap({ earlier.contains($0) ? $0 : nil }) ?? earlier.max() : current
        else {
            throw ControlFault.refused(key, "no logs of an earlier revision are kept")
        }
        guard let spec = record.revisions[revision]?.spec, let plugin = pluginTable[spec.runtime.plugin]
        else {
            throw ControlFault.refused(
                key,
                "the plugin of revision \(revision) is not there to read its logs"
            )
        }
        return plugin.logs(InstanceID(key, revision), request)
    }

    public func resync() async {
        await loaded()
        let reads = sourceStates.keys.sorted().map { nextRead(of: $0) }
        for read in reads { for await _ in read {} }
        for await _ in nextLook() {}
    }

    /// Ends when each deployment that nobody works on now was looked at once more.
    private func nextLook() -> AsyncStream<Never> {
        let (stream, done) = AsyncStream<Never>.makeStream()
        wakeAll()
        let keys = Set(entries.keys).subtracting(queue.underway)
        if keys.isEmpty || hasEnded { done.finish() } else { lookWaiters.append((keys, done)) }
        return stream
    }

    /// A pass has seen the deployment as it is now.
    func looked(at key: DeploymentKey) {
        for index in lookWaiters.indices.reversed() {
            lookWaiters[index].keys.remove(key)
            if lookWaiters[index].keys.isEmpty { lookWaiters.remove(at: index).done.finish() }
        }
    }
}

extension Entry {
    /// Whether it exists for the API: a tombstone does not.
    var isShown: Bool { record.phase != .deleted }
}
