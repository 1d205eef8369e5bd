import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// A version that fails, while somebody looks on.
@Suite(.timeLimit(.minutes(5)))
struct RollbackTests {
    @Test func `a failing version is rolled back once, stays away, and is let in by a change or retry`()
        async throws
    {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            try await machine.runs(app)
            let seen = try await withThrowingTaskGroup(of: Set<String>.self) { group in
                group.addTask {
                    var seen: Set<String> = []
                    while !Task.isCancelled {
                        if let greeting = Greeting(await ask(app.port).body) { seen.insert(greeting.version) }
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                    return seen
                }
                try machine.declare(app.broken("2.0.0"))
                try await rolledBack(machine, app, revisions: 2)
                group.cancelAll()
                return try await group.next() ?? []
            }
            #expect(seen.isSubset(of: ["1.0.0", "2.0.0"]) && seen.contains("1.0.0"))
            let process = try #require(await machine.deployment("web")?.instance?.pid.flatMap(Process.init))
            // Looked at again, and still declared: it is not tried again.
            try await machine.client.resync()
            try await machine.client.resync()
            #expect(process.isAlive)
            #expect(try await rollbacks(machine) == 1)
            try await machine.holds([app])

            // The same revision once more, since somebody asked for it.
            _ = try await machine.client.request(.retry, for: machine.key("web"))
            try await eventually("it was rolled back again") { try await rollbacks(machine) == 2 }
            try await rolledBack(machine, app, revisions: 2)
            // A change is tried without asking.
            try machine.declare(app.at("3.0.0"))
            try await machine.runs(app.at("3.0.0"))
            try await machine.holds([app.at("3.0.0")])
        }
    }

    @Test func `a first version that fails leaves no process, and says why`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port()).broken("1.0.0")
            try machine.declare(app)
            let object = try await machine.reaches("web", "has failed") { $0.phase == .failed }
            #expect(object.failure?.message.contains("startup probe failed") ?? false, "\(object.summary)")
            #expect(machine.processes().isEmpty)
            #expect(await ask(app.port) == .refused)
        }
    }

    @Test func `a program that crashes while it bakes is rolled back`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            try await machine.runs(app)
            var worse = app.at("2.0.0")
            worse.options = ["--crash-after", "0.5"]
            worse.bakeSeconds = 60
            try machine.declare(worse)
            try await rolledBack(machine, app, revisions: 2)
            try await machine.holds([app])
        }
    }

    @Test func `an archive that cannot be unpacked never stops what serves`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            try await machine.runs(app)
            let process = try #require(await machine.deployment("web")?.instance?.pid.flatMap(Process.init))
            let script = "cd \"$0\" && echo x > out && mkdir in && cd in && tar -Pcf ../bad.tar ../out"
            let end = try await machine.program("/bin/sh", ["-c", script, machine.root]).wait(
                within: .seconds(30)
            )
            #expect(end == .code(0))
            var next = app.at("2.0.0")
            next.more = "artifact: {source: \"file://\(machine.root)/bad.tar\"}"
            try machine.declare(next)
            try await rolledBack(machine, app, revisions: 2)
            #expect(process.isAlive)
            #expect(await machine.deployment("web")?.instance?.pid == process.pid)
            try await machine.holds([app])
        }
    }

    /// Waits until the old version serves and the new one is known as bad.
    private func rolledBack(_ machine: Machine, _ app: App, revisions: Int) async throws {
        let object = try await machine.reaches("web", "is rolled back") {
            $0.phase == .running && $0.version == app.version && $0.quarantine != nil
        }
        #expect(object.condition(.synced)?.reason == "RolledBack")
        #expect(!object.isReady)
        #expect(object.revisions.count == revisions)
    }

    private func rollbacks(_ machine: Machine) async throws -> Int {
        try await machine.client.events(machine.key("web")).filter { $0.reason == "RollingBack" }
            .reduce(0) { $0 + $1.count }
    }
}
