import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// What a daemon finds when it comes back.
@Suite(.timeLimit(.minutes(5)))
struct AdoptionTests {
    /// A program that ends with this code when it gets SIGUSR1.
    private static let script = "trap 'exit 37' USR1; while :; do sleep 0.05; done"

    @Test func `killed and started again, it takes over the same processes`() async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let apps = [
                App(name: "one", port: try machine.port()), App(name: "two", port: try machine.port()),
            ]
            for app in apps { try machine.declare(app) }
            var before: [Process] = []
            for app in apps { before.append(try await machine.runs(app)) }
            try await daemon.crash()
            #expect(before.count { $0.isAlive } == before.count)
            try await machine.daemon()
            for (app, process) in zip(apps, before) { #expect(try await machine.runs(app) == process) }
            try await machine.holds(apps)
        }
    }

    @Test func `a program that ended without a daemon is reported with its true exit code`() async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let app = App(name: "job", program: ["/bin/sh", "-c", Self.script])
            try machine.declare(app)
            let process = try await machine.runs(app)
            // In order: what was healthy for less than the store's 50 ms may be forgotten in a crash.
            daemon.signal(SIGTERM)
            _ = try await daemon.wait()
            kill(process.pid, SIGUSR1)
            try await eventually("it has ended") { !process.isAlive }
            try await machine.daemon()
            let object = try await machine.reaches("job", "runs again") { $0.isReady && $0.restarts == 1 }
            #expect(object.lastExit == .code(37))
            #expect(machine.workloads("job").contains { $0.pid == object.instance?.pid })
            let described = try await machine.era("describe", "job")
            #expect(described.output.contains("37"), "\(described.output)")
        }
    }

    @Test(arguments: [true, false])
    func `without its shim a program is tracked and never doubled`(_ daemonRuns: Bool) async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            let shim = try #require(machine.shims("web").first)
            if !daemonRuns { try await daemon.crash() }
            kill(shim.pid, SIGKILL)
            try await eventually("the shim is gone") { !shim.isAlive }
            if !daemonRuns { try await machine.daemon() }
            try await machine.client.resync()
            let object = try await machine.reaches("web", "is tracked") {
                $0.isReady && $0.instance?.restrictions.isEmpty == false
            }
            #expect(object.instance?.pid == process.pid)
            #expect(machine.workloads("web") == [process])
            // Its end is noticed all the same, and then there is a shim again.
            kill(process.pid, SIGKILL)
            try await machine.reaches("web", "is back") { $0.isReady && $0.instance?.pid != process.pid }
            try await machine.holds([app])
        }
    }

    @Test func `a shim that hangs holds up nobody else, and is known again when it goes on`() async throws {
        try await Machine.with { machine in
            var daemon = try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            let other = App(name: "other", port: try machine.port())
            for app in [app, other] { try machine.declare(app) }
            let process = try await machine.runs(app)
            try await machine.runs(other)
            let shim = try #require(machine.shims("web").first)
            daemon.signal(SIGTERM)
            _ = try await daemon.wait()
            kill(shim.pid, SIGSTOP)
            daemon = try await machine.daemon(awaitsReady: false)
            try machine.declare(other.at("1.1.0"))
            try await machine.runs(other.at("1.1.0"))
            try await Task.sleep(for: .seconds(6))
            #expect(machine.workloads("web") == [process], "never a second copy")
            #expect(Greeting(await ask(app.port).body)?.pid == process.pid)
            kill(shim.pid, SIGCONT)
            #expect(try await machine.runs(app) == process)
            try await machine.holds([app, other.at("1.1.0")])
        }
    }

    @Test(arguments: ["missing", "garbage", "truncated"])
    func `without its database it adopts what runs and deletes nothing`(_ fault: String) async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            var app = App(name: "web", port: try machine.port())
            app.more = "volumes: [{name: state, mountPath: state, persistent: {}}]"
            // Not declared any more when the database is gone: nobody has said that it may be deleted.
            let orphan = App(name: "orphan", port: try machine.port())
            for app in [app, orphan] { try machine.declare(app) }
            let process = try await machine.runs(app)
            let other = try await machine.runs(orphan)
            try write("kept", to: "\(machine.data)/volumes/default/web/state/file")
            try await daemon.crash()
            try damage(machine, fault)
            machine.withdraw("orphan")
            try await machine.daemon()
            #expect(try await machine.runs(app) == process)
            #expect(Greeting(await ask(app.port).body)?.pid == process.pid)
            #expect(other.isAlive)
            #expect(text(of: "\(machine.data)/volumes/default/web/state/file") == "kept")
            if fault == "garbage" {
                let copies = names(in: machine.data).filter {
                    $0.hasPrefix("era.db.") || $0.contains("corrupt")
                }
                #expect(!copies.isEmpty, "\(names(in: machine.data))")
            }
            // And it is managed as before.
            try machine.declare(app.at("1.1.0"))
            try await machine.runs(app.at("1.1.0"))
            #expect(text(of: "\(machine.data)/volumes/default/web/state/file") == "kept")
            #expect(machine.workloads("web").count == 1)
        }
    }

    @Test func `without its database it replaces what runs by what is declared now, and can go back`()
        async throws
    {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            try await daemon.crash()
            try damage(machine, "missing")
            try machine.declare(app.at("1.1.0"))
            try await machine.daemon()
            #expect(try await machine.runs(app.at("1.1.0")) != process)
            #expect(!process.isAlive, "never two owners of the port, and nothing left behind")
            #expect(machine.workloads("web").count == 1)
            let back = try await machine.era("rollback", "web")
            #expect(back.code == 0, "\(back.output)")
            // Not Ready: it serves, and is not what is declared.
            try await machine.reaches("web", "is back") { $0.phase == .running && $0.version == "1.0.0" }
            #expect(Greeting(await ask(app.port).body)?.version == "1.0.0")
            #expect(machine.workloads("web").count == 1)
        }
    }

    private func damage(_ machine: Machine, _ fault: String) throws {
        let database = "\(machine.data)/era.db"
        switch fault {
        case "missing":
            for name in ["era.db", "era.db-wal", "era.db-shm"] { unlink("\(machine.data)/\(name)") }
        case "garbage":
            let garbage = [UInt8](repeating: 0x5A, count: 65_536)
            try write(garbage, to: database)
            try write(garbage, to: database + "-wal")
        default:
            guard truncate(database, 100) == 0 else { throw Trouble("truncate") }
            truncate(database + "-wal", 100)
        }
    }

    @Test func `after a reboot everything is started anew, and a PID of before is never signalled`()
        async throws
    {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            let shim = try #require(machine.shims("web").first)
            try await daemon.crash()
            for process in [shim, process] { kill(process.pid, SIGKILL) }
            try await eventually("all are gone") { machine.processes().isEmpty }
            // As a reboot leaves it: another boot, and the numbers now belong to somebody else.
            let bystander = try machine.program("/bin/sleep", ["600"])
            let startTime = try #require(Process(bystander.pid)?.startTime)
            let path = "\(machine.data)/instances/default/web/1/shim/state"
            let lines = text(of: path).split(separator: "\n").map { line in
                switch line.split(separator: " ").first {
                case "boot": "boot 00000000-0000-4000-8000-000000000000"
                case "workload": "workload \(bystander.pid) \(startTime)"
                case "shim": "shim \(bystander.pid) \(startTime)"
                default: String(line)
                }
            }
            try write(lines.joined(separator: "\n") + "\n", to: path)
            try await machine.daemon()
            #expect(try await machine.runs(app) != process)
            try await machine.holds([app])
            #expect(bystander.end == nil)
        }
    }
}
