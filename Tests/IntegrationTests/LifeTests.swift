import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// From a file to Running, and to Deleted.
@Suite(.timeLimit(.minutes(5)))
struct LifeTests {
    @Test func `a manifest renamed in runs, is updated, and its removal leaves nothing`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            var app = App(name: "web", port: try machine.port())
            app.more = "volumes: [{name: state, mountPath: state, persistent: {}}]"
            try machine.declare(app)
            let first = try await machine.runs(app)
            #expect(Greeting(await ask(app.port).body)?.pid == first.pid)
            #expect(exists("\(machine.data)/volumes/default/web/state"))
            try machine.declare(app.at("1.1.0"))
            let second = try await machine.runs(app.at("1.1.0"))
            #expect(second != first)
            #expect(Greeting(await ask(app.port).body) == Greeting("web 1.1.0, PID \(second.pid), request 1"))
            try await machine.holds([app.at("1.1.0")])

            // The only deployment of a source: the guard asks first.
            machine.withdraw("web")
            try await eventually("the deletion is held back") {
                try await machine.client.sources().first?.heldPrunes == [machine.key("web")]
            }
            #expect(second.isAlive)
            _ = try await machine.client.confirmPrune()
            try await machine.vanishes("web")
            #expect(await ask(app.port) == .refused)
            #expect(machine.processes().isEmpty)
            #expect(names(in: "\(machine.run)/shims").isEmpty)
        }
    }

    @Test func `a crashed program is back with another process, and the crash is told`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let first = try await machine.runs(app)
            kill(first.pid, SIGKILL)
            let object = try await machine.reaches("web", "was restarted") {
                $0.isReady && $0.restarts == 1 && $0.instance?.pid != first.pid
            }
            #expect(object.lastExit == .signal(9))
            try await machine.holds([app])
        }
    }

    @Test func `the daemon's orderly end leaves its programs and says so; delete --all ends them`()
        async throws
    {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            daemon.signal(SIGTERM)
            #expect(try await daemon.wait() == .code(0))
            #expect(process.isAlive)
            #expect(text(of: machine.log).contains("these go on running: web"))
            let outcome = try await machine.era("delete", "--all", "--data-dir", machine.data)
            #expect(outcome.code == 0, "\(outcome.error)")
            #expect(machine.processes().isEmpty)
            #expect(await ask(app.port) == .refused)
            #expect(names(in: "\(machine.data)/instances/default").isEmpty)
        }
    }
}
