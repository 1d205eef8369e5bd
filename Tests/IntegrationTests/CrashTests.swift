import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// The daemon is killed while deployments come, are updated, fail, are rolled back and go.
@Suite(.timeLimit(.minutes(10)))
struct CrashTests {
    /// Every place before and after an effect at which the engine lets itself be killed.
    static let steps = [
        "Validate", "Fetch", "Prepare", "Install", "Start", "Stop", "Remove", "Purge", "RemoveVolumes",
    ]
    /// Every phase that a round goes through, killed when the journal holds it and nothing has followed.
    static let phases: [Phase] = [
        .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking, .running,
        .updating, .rollingBack, .stopping, .uninstalling, .deleted,
    ]

    @Test(arguments: ["before", "after"])
    func `killed around each effect, it settles what was under way`(_ side: String) async throws {
        try await Machine.with { machine in
            var world = try await World(machine)
            for step in Self.steps { try await world.round("\(side).\(step)") }
            // The second of a kind is another deployment's, in another stage.
            for step in ["Prepare", "Start", "Stop"] { try await world.round("\(side).\(step):2") }
        }
    }

    @Test func `killed after each journal entry, it settles what was under way`() async throws {
        try await Machine.with { machine in
            var world = try await World(machine)
            for phase in Self.phases { try await world.round("appended.\(phase)") }
            for phase in [Phase.activating, .healthChecking, .running] {
                try await world.round("appended.\(phase):3")
            }
        }
    }

    /// `ERA_CRASH_ROUNDS=500 swift test --filter CrashTests` goes on for longer.
    static let rounds = getenv("ERA_CRASH_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 8

    @Test func `killed at random moments, it settles what was under way`() async throws {
        var random = SeededRandom(seed: UInt64.random(in: 0...UInt64.max))
        try await Machine.with { machine in
            var world = try await World(machine)
            for _ in 0..<Self.rounds {
                // More than one life may end before all is settled.
                let moments = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    Int.random(in: 0...700, using: &random)
                }
                try await world.round(nil, killedAfter: moments)
            }
        }
    }
}

/// Deployments in every stage, and what must be true of them after a crash.
private struct World {
    private let machine: Machine
    /// Never touched: its process must outlive every daemon.
    private let steady: App
    /// Gets a new version in each round.
    private var growing: App
    /// Gets a broken version in each round, and keeps its first.
    private let failing: App
    /// Comes in one round and goes in the next.
    private var guest: App
    private var number = 0

    init(_ machine: Machine) async throws {
        self.machine = machine
        steady = App(name: "steady", port: try machine.port())
        growing = App(name: "growing", port: try machine.port())
        failing = App(name: "failing", port: try machine.port())
        guest = App(name: "guest-0", port: try machine.port())
        guest.more = """
            volumes: [{name: state, mountPath: state, persistent: {}}]
            artifact: {source: "file://\(machine.root)/artifact.txt", format: raw}
            """
        try write("fetched", to: "\(machine.root)/artifact.txt")
        let daemon = try await machine.daemon()
        for app in [steady, growing, failing, guest] { try machine.declare(app) }
        for app in [steady, growing, failing, guest] { try await machine.runs(app) }
        // In order: what was healthy for less than the store's 50 ms may be forgotten in a crash, and is then
        // proved anew.
        daemon.signal(SIGTERM)
        _ = try await daemon.wait()
    }

    /// Changes everything under a daemon that will be killed, and holds that the next one brings it about.
    ///
    /// - Parameters:
    ///   - failpoint: Where it ends itself, which must be reached: else the round would prove nothing.
    ///   - moments: Milliseconds after which it is killed instead, one daemon after the other.
    mutating func round(_ failpoint: String?, killedAfter moments: [Int] = []) async throws {
        number += 1
        let before = try #require(machine.workloads(steady.name).first)
        let what = failpoint ?? "killed after \(moments) ms"
        var daemon = try await machine.daemon(
            environment: failpoint.map { ["ERA_FAILPOINT=\($0)"] } ?? [],
            awaitsReady: false
        )
        try change()
        for moment in moments {
            try await Task.sleep(for: .milliseconds(moment))
            try await daemon.crash()
            #expect(before.isAlive, "\(what): what runs stays")
            daemon = try await machine.daemon(awaitsReady: false)
        }
        if failpoint != nil {
            let end = try await settled(unless: daemon)
            #expect(end == .signal(SIGKILL), "\(what) is reached")
            if end != nil { daemon = try await machine.daemon(awaitsReady: false) }
        }
        #expect(before.isAlive, "\(what): what runs stays")
        do {
            try await eventually("\(what): the daemon answers") { try await machine.isReady() }
            try await converges()
            try await machine.holds([steady, growing, failing, guest])
        } catch {
            throw Trouble("round \(number), \(what): \(error)")
        }
        #expect(machine.workloads(steady.name) == [before], "\(what): the same process as before")
        #expect(await machine.deployment(steady.name)?.restarts == 0, "\(what)")
        try await daemon.crash()
    }

    /// Declares the next state of everything.
    private mutating func change() throws {
        growing.version = "1.0.\(number)"
        try machine.declare(growing)
        try machine.declare(failing.broken("2.0.\(number)"))
        machine.withdraw(guest.name)
        guest.name = "guest-\(number)"
        try machine.declare(guest)
    }

    private func converges() async throws {
        for app in [steady, growing, guest] { try await machine.runs(app) }
        try await machine.reaches(failing.name, "is rolled back") { isRolledBack($0) }
        try await machine.vanishes("guest-\(number - 1)")
    }

    private func isRolledBack(_ object: DeploymentObject) -> Bool {
        object.phase == .running && object.version == failing.version && object.quarantine != nil
            && object.declaredVersion == "2.0.\(number)" && object.generation == object.observedGeneration
    }

    /// Waits for the daemon's end or for the state that was declared.
    /// - Returns: How it ended; nil where it did not.
    private func settled(unless daemon: Child) async throws -> Child.End? {
        try await eventually("the failpoint or the declared state is reached", within: .seconds(90)) {
            if daemon.end != nil { return true }
            guard let list = try? await machine.client.list().items, list.count == 4 else { return false }
            return list.allSatisfy { object in
                switch object.name {
                case failing.name: isRolledBack(object)
                case growing.name: object.isReady && object.version == growing.version
                default: object.isReady && object.name != "guest-\(number - 1)"
                }
            }
        }
        return daemon.end
    }
}
