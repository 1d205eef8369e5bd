import ERAContracts
import ERACore
import ERAManifest
import Logging
public import ServiceLifecycle

/// The shell around the core: reads sources, observes instances, asks `decide`, performs the one step it
/// names, notes the outcome, and does so again.
///
/// Level-triggered: whatever happens only names a deployment to look at. One pass at a time for a deployment,
/// many in parallel, bounded. An actor, since passes, timers, sources and the API change the same table of
/// records; no method keeps a decision across an `await`.
public actor Engine: Service {
    let options: EngineOptions
    let seams: EngineSeams
    let pluginTable: PluginTable
    let executor: StepExecutor
    let startedAt: WallTime

    var entries: [DeploymentKey: Entry] = [:]
    /// Who depends on a deployment, whether that is there or not.
    var dependents: [DeploymentKey: Set<DeploymentKey>] = [:]
    var queue = WorkQueue<DeploymentKey>()
    var timers = TimerQueue<DeploymentKey>()
    var pendingProbes = Fifo<ProbeJob>()
    var probePlaces = Places<ProbeJob.ID>()
    /// When the next full look is due.
    var resyncAt: Uptime?
    /// When the timer loop looks at the clock in any case: few, the earliest counts.
    var alarms: Set<Uptime> = []

    var outbox = Outbox()
    /// Why nothing is written now; nil when all is well.
    var degraded: String?
    /// Nothing may be concluded from what the store does not hold.
    var quarantinedCopy: String?
    /// Instances that no record knows, since the database was lost. Whoever
    /// declares the deployment again takes them up.
    var orphans: [DeploymentKey: [Orphan]] = [:]
    var hasStarted = false
    var isBootNoted = false

    var sourceStates: [SourceID: SourceState] = [:]
    /// How often something has changed that plans are made of.
    var planInputs = 0
    let watchers = Watchers<DeploymentChange>(limit: watchBacklogLimit)
    let eventWatchers = Watchers<StoredEvent>(limit: watchBacklogLimit)
    /// Who waits until each of these was looked at; finished when that is done.
    var lookWaiters: [(keys: Set<DeploymentKey>, done: AsyncStream<Never>.Continuation)] = []
    /// What the content store was last told to keep; nil before the first time.
    var pinned: Set<Digest>?
    var hasEnded = false
    /// The records are here: before, nothing can be answered of them, and nothing decided.
    var isLoaded = false
    /// Who asked for something before the records were here; finished when they are, or never will be.
    var loadWaiters: [AsyncStream<Never>.Continuation] = []

    let work = Signal()
    let timesChanged = Signal()
    let outboxReady = Signal()
    let pinsChanged = Signal()
    let progressed = ProgressReports()

    public init(seams: EngineSeams, options: EngineOptions = EngineOptions()) {
        self.seams = seams
        self.options = options
        pluginTable = PluginTable(seams.plugins, catalog: seams.catalog)
        executor = StepExecutor(plugins: pluginTable, workspace: seams.workspace, fetcher: seams.fetcher)
        startedAt = seams.clock.now().wall
        for source in seams.sources { sourceStates[source.id] = SourceState(source) }
    }

    /// Loads the records, adopts what runs, and reconciles until the task is cancelled.
    ///
    /// - Throws: What the store throws at start, or the workspace when it cannot say what there is;
    ///   afterwards trouble is shown, not thrown.
    public func run() async throws {
        do {
            try await load()
        } catch {
            end()
            throw error
        }
        isLoaded = true
        releaseLoadWaiters()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.dispatch() }
            group.addTask { await self.keepTime() }
            group.addTask { await self.writeOut() }
            group.addTask { await self.keepPinned() }
            for source in seams.sources { group.addTask { await self.keepRead(source.id) } }
            group.addTask { await self.resyncPeriodically() }
            group.addTask { await self.collectPeriodically() }
            group.addTask { await self.showProgress() }
            for source in seams.sources {
                group.addTask { for await _ in source.changes() { await self.sourceChanged(source.id) } }
            }
            for plugin in seams.plugins {
                group.addTask {
                    for await id in plugin.changes() { await self.wake(id.deployment, isUrgent: true) }
                }
            }
            if let catalog = seams.catalog {
                group.addTask { await catalog.run() }
                group.addTask { await self.follow(catalog) }
            }
            await gracefulShutdownOrCancellation()
            // Before the loops end: who comes later to wait for one of them would wait for ever.
            hasEnded = true
            group.cancelAll()
        }
        await shutDown()
    }

    /// Reads what the store holds and settles in which boot its uptimes are meant.
    private func load() async throws {
        let state = try await seams.store.load()
        quarantinedCopy = state.quarantinedCopy
        await seams.catalog?.refresh()
        let isRebooted = state.bootID.map { $0 != seams.bootID } ?? false
        for stored in state.records {
            var entry = Entry(record: stored.record, resourceVersion: stored.resourceVersion)
            if stored.record.isBeingDeleted {
                // The time itself is not kept; it is when there was something to do again.
                entry.deletionRequestedAt = stored.record.condition(.reconciling)?.lastTransitionAt
            }
            entries[stored.record.key] = entry
            if stored.record.pruneHeldAt != nil {
                let source = SourceID(stored.record.declaration.origin.source)
                sourceStates[source]?.held.append(stored.record.key)
            }
            indexDependencies(of: stored.record)
        }
        outbox.resourceVersion = state.resourceVersion
        for key in entries.keys.sorted() {
            note(.resumed(rebooted: isRebooted), for: key)
            wake(key)
        }
        try await findOrphans()
        // The boot is noted last: until its facts are on disk, uptimes are still meant in the earlier one.
        await drainOutbox()
        await noteBoot()
        pinsChanged.raise()
        hasStarted = seams.sources.isEmpty
        seams.logger.info(
            "records loaded",
            metadata: ["count": "\(entries.count)", "rebooted": "\(isRebooted)"]
        )
    }

    /// Notes the boot, once; a store that cannot be written now is no reason to end.
    func noteBoot() async {
        guard !isBootNoted, degraded == nil else { return }
        do {
            try await seams.store.flush()
            try await seams.store.setBootID(seams.bootID)
            isBootNoted = true
        } catch is CancellationError {
            return
        } catch {
            degrade(error)
        }
    }

    private func shutDown() async {
        end()
        // The store is closed by whoever opened it; it says itself what could not be written.
        await drainOutbox()
        do {
            try await seams.store.flush()
        } catch {
            seams.logger.error("last changes not written", metadata: ["error": "\(error)"])
        }
        outbox.end()
    }

    /// Whoever waits for what will not come goes on.
    private func end() {
        hasEnded = true
        releaseLoadWaiters()
        for waiter in lookWaiters { waiter.done.finish() }
        lookWaiters = []
        for id in sourceStates.keys {
            for waiter in sourceStates[id]?.takeWaiters() ?? [] { waiter.finish() }
        }
        watchers.finish()
        eventWatchers.finish()
    }

    private func releaseLoadWaiters() {
        for waiter in loadWaiters { waiter.finish() }
        loadWaiters = []
    }

    /// Returns when the records are here, the engine ends, or nobody waits for the answer any more.
    func loaded() async {
        guard !isLoaded, !hasEnded else { return }
        let (stream, done) = AsyncStream<Never>.makeStream()
        loadWaiters.append(done)
        for await _ in stream {}
    }

    /// As ``loaded()``.
    ///
    /// - Throws: `CancellationError`: the records are not here.
    func ensureLoaded() async throws {
        await loaded()
        guard isLoaded else { throw CancellationError() }
    }

    /// Asks for a pass; what it is about, the pass finds out itself. A step in
    /// progress may have to give way to it.
    func wake(_ key: DeploymentKey, isUrgent: Bool = false) {
        guard let entry = entries[key] else { return }
        entry.underway?.nudge.yield()
        queue.add(key, isUrgent: isUrgent)
        work.raise()
    }

    func wakeAll() { for key in entries.keys.sorted() { wake(key) } }

    /// Sets the timer of a deployment to what is next for it.
    func setTimer(_ key: DeploymentKey) {
        let time = entries[key]?.nextAt(seams.clock.now().uptime)
        timers.set(key, time)
        if let time { ring(before: time) }
    }

    /// Makes sure that the timer loop looks at the clock at this time.
    func ring(before time: Uptime) {
        if alarms.min().map({ time < $0 }) ?? true { timesChanged.raise() }
    }
}

/// Returns when the service is to end.
///
/// On the task itself, not by a task of its own as `gracefulShutdown()` does: the simulator sees every job.
private func gracefulShutdownOrCancellation() async {
    let (stream, end) = AsyncStream<Never>.makeStream()
    await withTaskCancellationOrGracefulShutdownHandler {
        for await _ in stream {}
    } onCancelOrGracefulShutdown: {
        end.finish()
    }
}
