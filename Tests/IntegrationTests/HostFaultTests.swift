import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// Faults of the host around a daemon that runs.
@Suite(.timeLimit(.minutes(5)))
struct HostFaultTests {
    @Test(.enabled(if: Machine.canMount, "a small file system is mounted, which needs root"))
    func `a full disk degrades the daemon, leaves programs alone, and passes`() async throws {
        try await Machine.with { machine in
            try machine.mountMemory("16m", on: machine.data)
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            let filler = "\(machine.data)/filler"
            try fill(filler)
            try machine.declare(app.at("1.1.0"))
            try await eventually("the daemon says that it is degraded") {
                try await machine.client.health().degraded != nil
            }
            #expect(process.isAlive)
            #expect(Greeting(await ask(app.port).body)?.version == "1.0.0")
            let shown = try await machine.era("get")
            #expect(shown.code == 0 && shown.output.contains("web"), "\(shown.error)")
            unlink(filler)
            try await machine.runs(app.at("1.1.0"))
            #expect(try await machine.client.health().degraded == nil)
            try await machine.holds([app.at("1.1.0")])
        }
    }

    /// Fills the file system to its last byte.
    private func fill(_ path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Trouble("cannot open \(path)") }
        defer { close(file) }
        for size in [65_536, 512, 1] {
            let block = [UInt8](repeating: 1, count: size)
            while Glibc.write(file, block, size) == size {}
        }
        guard errno == ENOSPC else { throw Trouble("cannot fill \(path)") }
    }

    @Test func `a second daemon on the same data is refused with the number of the first`() async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let second = try await machine.era(["daemon"] + machine.directories)
            #expect(second.code == 3, "\(second.error)")
            #expect(second.error.contains("\(daemon.pid)"), "\(second.error)")
            #expect(daemon.end == nil)
            #expect(try await machine.isReady())

            // Other data, the same run directory: refused before anything is made.
            let other = machine.root + "/other"
            let third = try await machine.era(["daemon"] + machine.directories + ["--data-dir", other])
            #expect(third.code == 3, "\(third.error)")
            #expect(third.error.contains("\(daemon.pid)"), "\(third.error)")
            #expect(access(other, F_OK) != 0)
        }
    }

    @Test func `stopped for seconds, the daemon goes on without a storm`() async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            var probed = App(name: "probed", port: try machine.port())
            probed.program = [Machine.product("sample-web"), "--name", "probed", "--port", "\(probed.port)"]
            let probe = "httpGet: {path: /healthz, port: http}, periodSeconds: 1, failureThreshold: 2"
            probed.more = "health: {liveness: {\(probe)}}"
            for app in [app, probed] { try machine.declare(app) }
            let processes = [try await machine.runs(app), try await machine.runs(probed)]
            daemon.signal(SIGSTOP)
            try await always("programs answer", for: .seconds(4)) {
                await ask(app.port).body != nil
            }
            daemon.signal(SIGCONT)
            try machine.declare(App(name: "new", port: try machine.port()))
            try await machine.reaches("new", "runs") { $0.isReady }
            try await machine.client.resync()
            for (name, process) in zip(["web", "probed"], processes) {
                #expect(process.isAlive)
                #expect(await machine.deployment(name)?.restarts == 0)
                #expect(await machine.deployment(name)?.isReady == true)
            }
        }
    }

    @Test func `hundreds of manifests at once run, and are deleted when somebody confirms it`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let count = 300
            let directory = "\(machine.manifests)/many"
            mkdir(directory, 0o700)
            for number in 0..<count {
                let app = App(name: "app-\(number)", program: ["/bin/sleep", "3600"])
                try machine.declare(app, file: "many/\(app.name).yaml")
            }
            var slowest = Duration.zero
            try await eventually("all run", within: .seconds(150)) {
                let begin = ContinuousClock.now
                let items = try await machine.client.list().items
                slowest = max(slowest, ContinuousClock.now - begin)
                return items.count == count && items.allSatisfy(\.isReady)
            }
            // A debug build on a busy machine; the simulator and the benchmark are stricter.
            #expect(slowest < .seconds(10), "the API answers meanwhile")
            #expect(machine.processes().count { !$0.isShim } == count)
            // All at one moment: rm would show the guard a few at a time.
            rename(directory, "\(machine.root)/away")
            try await eventually("all are held back") {
                try await machine.client.sources().first?.heldPrunes.count == count
            }
            #expect(machine.processes().count { !$0.isShim } == count)
            let confirmed = try await machine.era("prune", "--confirm")
            #expect(confirmed.code == 0, "\(confirmed.error)")
            try await eventually("all are gone", within: .seconds(150)) {
                try await machine.client.list().items.isEmpty
            }
            #expect(machine.processes().isEmpty)
            #expect(names(in: "\(machine.data)/instances/default").isEmpty)
        }
    }
}
