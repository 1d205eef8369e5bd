import ERAContracts
import ERACore
import ERAEngine
import Logging
import Synchronization

/// A whole simulated machine with the real engine on it: what users do, what fails and in which order tasks run
/// all follow from the seed.
///
/// Two phases. While faults are on, everything may fail, crash and lie, and what must never happen is checked
/// after each turn. Then faults end, and all must converge within bounded time.
public final class Simulation {
    /// What a run found.
    public struct Report: Equatable, Sendable {
        public var seed: UInt64
        /// Promises that were broken; empty is what we want.
        public var violations: [String]
        public var crashes: Int
        public var jobs: Int
        /// What was done to the world and what became of it; the same for the same seed.
        public var trace: [String]
    }

    /// Turns of the user, of time or of misfortune while faults are on.
    static let turnLimit = 60
    /// Jobs that one turn may take before it counts as a livelock.
    static let jobLimit = 50_000
    /// Simulated time in which all must have converged once faults are off.
    static let convergenceLimit = Duration.seconds(3600)

    let seed: UInt64
    let random: SeededRandom
    let clock = ManualClock()
    let disk = MemoryDisk()
    let host = SimulatedHost()
    let source = ScriptedSource()
    let faults: Faults
    let executor: SimulationExecutor

    var wanted: [Int: SimulatedDeployment] = [:]
    var engine: Engine?
    private var process: Task<Void, Never>?
    private var hints = Hints()
    private var bootID = 1
    private var crashes = 0
    private var jobs = 0
    private(set) var trace: [String] = []
    var violations: [String] = []
    /// How far the journals were replayed, and to what.
    var replayed: [DeploymentKey: (record: DeploymentRecord, count: Int)] = [:]

    public init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
        faults = Faults(random: random, clock: clock)
        executor = SimulationExecutor(random: random)
    }

    public func run() -> Report {
        boot()
        for _ in 0..<Self.turnLimit where violations.isEmpty {
            turn()
            settle()
            checkSafety()
        }
        calmDown()
        if violations.isEmpty { converge() }
        end()
        return Report(seed: seed, violations: violations, crashes: crashes, jobs: jobs, trace: trace)
    }

    func log(_ text: String) { trace.append("\(clock.now().uptime.sinceBoot.milliseconds) \(text)") }

    // MARK: The process

    private func boot() {
        let incarnation = faults.boot()
        hints = Hints()
        let owners: @Sendable (Int) -> DeploymentKey? = { port in
            SimulatedDeployment(index: port - SimulatedDeployment.portBase).key
        }
        var options = EngineOptions()
        options.interval = .seconds(30)
        options.parallelLimit = 3
        let uids = Mutex(0)
        let engine = Engine(
            seams: EngineSeams(
                store: MortalStore(store: MemoryStore(disk), faults: faults, incarnation: incarnation),
                plugins: [
                    ScriptedPlugin(host: host, faults: faults, incarnation: incarnation, changed: hints)
                ],
                workspace: ScriptedWorkspace(host: host, faults: faults, incarnation: incarnation),
                fetcher: ScriptedFetcher(faults: faults, incarnation: incarnation),
                prober: ScriptedProber(host: host, faults: faults, owners: owners),
                sources: [source],
                clock: clock,
                bootID: "boot-\(bootID)",
                random: { [random] in random.unit() },
                makeUID: { "uid-\(incarnation)-\(uids.withLock { $0 += 1; return $0 })" },
                logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
            ),
            options: options
        )
        self.engine = engine
        process = Task(executorPreference: executor) {
            // It ends by being cancelled; a store that cannot be read at start ends it too, and it is booted again.
            try? await engine.run()
        }
        log("boot \(incarnation)")
    }

    /// The process is gone at once: nothing that it still does has an effect.
    private func crash() {
        crashes += 1
        faults.crash()
        _ = faults.boot()
        process?.cancel()
        var rest = Self.jobLimit
        while rest > 0, executor.runOne() { rest -= 1 }
        process = nil
        engine = nil
        disk.crash(keeping: random.below(disk.pendingCount + 1))
        log("crash")
    }

    func crashAndBoot() {
        crash()
        boot()
    }

    func reboot() {
        crash()
        host.reboot()
        clock.reboot()
        bootID += 1
        log("reboot")
        boot()
    }

    /// Runs everything that can run now.
    func settle() {
        var rest = Self.jobLimit
        while rest > 0 {
            if faults.isCrashing { crashAndBoot() }
            guard executor.runOne() else { return }
            jobs += 1
            rest -= 1
        }
        violations.append("livelock: \(Self.jobLimit) jobs without time passing")
    }

    /// Lets time pass until somebody wakes, at most `duration`.
    func pass(_ duration: Duration) {
        let now = clock.now().uptime
        let next = clock.nextDeadline.map { max($0 - now, .zero) } ?? duration
        let step = min(next, duration)
        clock.advance(by: step)
        if step >= deferralLimit { disk.flushDeferred() }
    }

    func hint(_ id: InstanceID) { hints.continuation.yield(id) }

    /// Does something with the engine as the API would, and waits for nothing.
    func ask(_ request: @escaping @Sendable (Engine) async throws -> Void) {
        guard let engine else { return }
        Task(executorPreference: executor) {
            // A refusal is an answer like any other.
            try? await request(engine)
        }
    }

    private func end() {
        process?.cancel()
        var rest = Self.jobLimit
        while rest > 0, executor.runOne() { rest -= 1 }
    }
}

/// A store that dies with its process, and whose disk may be full.
private struct MortalStore: RecordStore {
    let store: MemoryStore
    let faults: Faults
    let incarnation: Int

    func load() async throws -> StoredState { try await store.load() }

    /// The engine may end before or after any entry.
    func append(_ entry: JournalEntry, _ durability: Durability) async throws -> ResourceVersion {
        try strike()
        let version = try await store.append(entry, durability)
        try strike()
        return version
    }

    private func strike() throws {
        try faults.ensureAlive(incarnation)
        guard faults.isOn, faults.random.chance(0.01) else { return }
        faults.crash()
        throw CancellationError()
    }

    func flush() async throws {
        try strike()
        try await store.flush()
    }

    func recover() async throws {
        try faults.ensureAlive(incarnation)
        try await store.recover()
    }

    func journal(_ key: DeploymentKey) async throws -> JournalExcerpt { try await store.journal(key) }

    func forget(_ key: DeploymentKey, uid: String) async throws -> ResourceVersion {
        try faults.ensureAlive(incarnation)
        return try await store.forget(key, uid: uid)
    }

    func note(_ event: EventNotice) async { await store.note(event) }
    func events(_ key: DeploymentKey?) async throws -> [StoredEvent] { try await store.events(key) }

    func setBootID(_ id: String) async throws {
        try faults.ensureAlive(incarnation)
        try await store.setBootID(id)
    }
}
