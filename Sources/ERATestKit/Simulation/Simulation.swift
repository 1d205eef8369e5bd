import ERAContracts
import ERACore
import ERAEngine
import Logging
import Synchronization

/// A whole simulated machine with the real engine on it: what users do, what fails and in which
/// order tasks run all follow from the seed.
///
/// Two phases. While faults are on, everything may fail, crash and lie, and what must never happen is checked
/// after each turn. Then faults end, and all must converge within bounded time and work.
public final class Simulation {
    /// What a run found.
    public struct Report: Equatable, Sendable {
        public var seed: UInt64
        /// Promises that were broken; empty is what we want.
        public var violations: [String]
        public var crashes: Int
        public var jobs: Int
        /// Jobs that it took to converge once faults were off.
        public var calmJobs: Int
        /// What was done to the world and what became of it; the same for the same seed.
        public var trace: [String]
        /// How often things happened: `phase Running`, `reboot`, …
        public var counts: [String: Int]
    }

    /// Turns of the user, of time or of misfortune while faults are on.
    static let turnLimit = 60
    /// Jobs that one turn may take before it counts as a livelock.
    static let jobLimit = 20_000
    /// Simulated time in which all must have converged once faults are off.
    static let convergenceLimit = Duration.seconds(3600)
    /// Jobs in which all must have converged once faults are off.
    static let convergenceJobLimit = 30_000

    let seed: UInt64
    let sabotage: Sabotage?
    let options: EngineOptions
    let random: SeededRandom
    let clock = ManualClock()
    let chronicle: Chronicle
    let disk: MemoryDisk
    let host = SimulatedHost()
    let source: ScriptedSource
    let faults: Faults
    let executor: SimulationExecutor

    var wanted: [Int: SimulatedDeployment] = [:]
    var checks = Checks()
    var violations: [String] = []
    private(set) var jobs = 0
    var calmJobs = 0
    private(set) var engine: Engine?
    private var process: Task<Void, Never>?
    private var hints = Hints()
    /// Where the plugin comes and goes: what it is listed in, made anew with each process.
    var catalog: ((any RuntimePlugin) -> any PluginCatalog)?
    private var bootID = 1
    private var crashes = 0

    /// - Parameter sabotage: A promise that the world around the engine breaks on purpose.
    /// - Parameter crashPoint: Ends the process at this one of the points where it could end.
    public convenience init(seed: UInt64, sabotage: Sabotage? = nil, crashPoint: Int? = nil) {
        self.init(seed: seed, sabotage: sabotage, crashPoint: crashPoint, options: nil)
    }

    /// - Parameter options: How the engine works, where a test wants it otherwise.
    init(seed: UInt64, sabotage: Sabotage? = nil, crashPoint: Int? = nil, options: EngineOptions?) {
        self.seed = seed
        self.options = options ?? Self.defaultOptions
        self.sabotage = sabotage
        let random = SeededRandom(seed: seed)
        self.random = random
        chronicle = Chronicle(clock: clock)
        faults = Faults(random: random, clock: clock, chronicle: chronicle, crashPoint: crashPoint)
        executor = SimulationExecutor(random: random)
        disk = MemoryDisk(tamper: sabotage?.tampering(random))
        source = ScriptedSource(omission: sabotage == .sourceOmitsFile ? Self.omission(random) : nil)
    }

    private static func omission(_ random: SeededRandom) -> @Sendable ([String]) -> String? {
        { paths in random.chance(0.1) && paths.count > 3 ? random.pick(paths) : nil }
    }

    /// Plays the world of the seed.
    public func run() -> Report {
        boot()
        for _ in 0..<Self.turnLimit where violations.isEmpty {
            turn()
            settle()
            checkSafety()
        }
        calmDown()
        if violations.isEmpty { converge() }
        return end()
    }

    func log(_ text: String) { chronicle.log(text) }

    // MARK: The process

    func boot() {
        let incarnation = faults.boot()
        hints = Hints()
        if !host.running.isEmpty { chronicle.count("adoption") }
        let engine = Engine(seams: seams(incarnation), options: options)
        self.engine = engine
        process = Task(executorPreference: executor) {
            // It ends by being cancelled; a store that cannot be read at
            // start ends it too, and it is booted again.
            try? await engine.run()
        }
        log("boot \(incarnation)")
    }

    private static var defaultOptions: EngineOptions {
        var options = EngineOptions()
        options.interval = .seconds(30)
        options.parallelLimit = 3
        options.tombstoneRetention = .seconds(90)
        options.collectionInterval = .seconds(60)
        return options
    }

    func seams(_ incarnation: Int) -> EngineSeams {
        let owners: @Sendable (Int) -> DeploymentKey? = { port in
            SimulatedDeployment(index: port - SimulatedDeployment.portBase).key
        }
        let uids = Mutex(0)
        let memory = MemoryStore(disk)
        let plugin = ScriptedPlugin(
            host: host,
            faults: faults,
            incarnation: incarnation,
            changed: hints,
            sabotage: sabotage
        )
        return EngineSeams(
            store: MortalStore(store: memory, faults: faults, incarnation: incarnation, sabotage: sabotage),
            plugins: catalog == nil ? [plugin] : [],
            catalog: catalog?(plugin),
            workspace: ScriptedWorkspace(host: host, faults: faults, incarnation: incarnation),
            fetcher: ScriptedFetcher(host: host, faults: faults, incarnation: incarnation),
            prober: ScriptedProber(host: host, faults: faults, owners: owners),
            sources: [source],
            clock: sabotage == .clockStandsStill ? StoppedClock(clock: clock) : clock,
            bootID: "boot-\(bootID)",
            random: { [random] in random.unit() },
            makeUID: { "uid-\(incarnation)-\(uids.withLock { $0 += 1; return $0 })" },
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// The process is gone at once: nothing that it still does has an effect.
    private func crash() {
        crashes += 1
        faults.crash()
        _ = faults.boot()
        process?.cancel()
        runRest()
        process = nil
        engine = nil
        disk.crash(keeping: random.below(disk.pendingCount + 1))
        log("crash")
    }

    private func runRest() {
        var rest = Self.jobLimit
        while rest > 0, executor.runOne() { rest -= 1 }
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
        checks.forgetTimes()
        chronicle.count("reboot")
        log("reboot")
        boot()
    }

    /// Runs everything that can run now.
    func settle(jobLimit: Int = Simulation.jobLimit) {
        var rest = jobLimit
        while rest > 0 {
            if faults.isCrashing { crashAndBoot() }
            guard executor.runOne() else { return }
            jobs += 1
            rest -= 1
        }
        violations.append("livelock: \(jobLimit) jobs without time passing")
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

    func end() -> Report {
        process?.cancel()
        runRest()
        return Report(
            seed: seed,
            violations: violations,
            crashes: crashes,
            jobs: jobs,
            calmJobs: calmJobs,
            trace: chronicle.lines,
            counts: chronicle.counts
        )
    }
}

/// A clock whose sleepers never wake.
private struct StoppedClock: EngineClock {
    let clock: ManualClock

    func now() -> Timestamp { clock.now() }

    func sleep(until deadline: Uptime) async throws {
        try await clock.sleep(until: Uptime(sinceBoot: .seconds(1_000_000_000)))
    }
}

extension Sabotage {
    /// What the disk does to entries before it takes them.
    fileprivate func tampering(_ random: SeededRandom) -> (@Sendable (inout [MemoryDisk.Change]) -> Void)? {
        switch self {
        case .storeReorders:
            { changes in if changes.count > 1, random.chance(0.2) { changes.swapAt(0, 1) } }
        case .storeLosesEntry:
            { changes in if changes.count > 1, random.chance(0.2) { changes.removeFirst() } }
        case .stopDoesNothing, .startsEarly, .flushDoesNothing, .sourceOmitsFile, .retriesForever,
            .deleteDoesNothing, .clockStandsStill:
            nil
        }
    }
}
