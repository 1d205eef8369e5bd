import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import ERAManifest
import Glibc
import Testing

/// Who can see and change what.
@Suite(.timeLimit(.minutes(5)))
struct SecurityTests {
    @Test func `a secret reaches its program and nobody else`() async throws {
        try await Machine.with { machine in
            let canary = "canary-\(UInt64.random(in: 0...UInt64.max))-\(UInt64.random(in: 0...UInt64.max))"
            try plant(canary, machine)
            let daemon = try await machine.daemon(["--log-level", "trace"])
            let worker = self.worker("worker")
            var broken = self.worker("broken")
            broken.program?[0] = "/nonexistent/program"
            // One that fails with everything in its environment is what logs are full of.
            for app in [worker, broken] { try machine.declare(app) }
            let process = try await machine.runs(worker)
            try await machine.reaches("broken", "has failed") { $0.phase == .failed }
            #expect(text(of: "/proc/\(process.pid)/environ").contains(canary), "the control: it is there")
            try await search(canary, machine)
            try await daemon.crash()
            try await machine.daemon(["--log-level", "trace"])
            try await machine.runs(worker)
            try await search(canary, machine)
        }
    }

    private func plant(_ canary: String, _ machine: Machine) throws {
        for path in ["default", "default/api"] { mkdir("\(machine.secrets)/\(path)", 0o700) }
        try write(canary + "\n", to: "\(machine.secrets)/default/api/token", mode: 0o400)
    }

    private func worker(_ name: String) -> App {
        var app = App(name: name)
        app.program = [
            Machine.product("sample-worker"), "--state", "state/count", "--token-variable", "TOKEN",
            "--token-file", "secrets/token", "--period", "0.05",
        ]
        app.more = """
            env: [{name: TOKEN, valueFrom: {secret: {name: api, key: token}}}]
            volumes:
              - {name: state, mountPath: state, persistent: {}}
              - {name: secrets, mountPath: secrets, secret: {name: api}}
            health:
              startup: {exec: {command: [test, -s, state/count]}, periodSeconds: 1, failureThreshold: 60}
            """
        return app
    }

    /// Looks for the secret wherever somebody else could.
    private func search(_ canary: String, _ machine: Machine) async throws {
        let needle = Array(canary.utf8)
        for (path, mode) in tree(machine.root) where mode & S_IFMT == S_IFREG {
            guard !path.hasPrefix(machine.secrets), let content = bytes(of: path) else { continue }
            guard !content.isEmpty, content.contains(sequence: needle) else { continue }
            // The file that the volume is made of; nobody but its program may read it.
            #expect(path.contains("/secrets/") || path.contains("secret"), "\(path) holds the secret")
            #expect(mode & 0o377 == 0, "\(path) has mode \(String(mode, radix: 8))")
        }
        for pid in names(in: "/proc") where pid_t(pid) != nil {
            #expect(!text(of: "/proc/\(pid)/cmdline").contains(canary), "the arguments of \(pid)")
        }
        var answers = [
            try await machine.client.list().json.canonicalText,
            try await machine.client.events().map(\.json.canonicalText).joined(),
        ]
        for command in [["describe", "worker", "broken"], ["logs", "worker"], ["get", "-A", "-o", "yaml"]] {
            let outcome = try await machine.era(command)
            answers += [outcome.output, outcome.error]
        }
        #expect(!answers.contains { $0.contains(canary) })
    }

    @Test func `data and sockets are for ERA's user alone`() async throws {
        try await Machine.with { machine in
            for path in [machine.data, machine.run] { remove(path) }
            try plant("secret", machine)
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port(), passSocket: true)
            for app in [app, worker("worker")] {
                try machine.declare(app)
                try await machine.runs(app)
            }
            for directory in [machine.data, machine.run] {
                var status = stat()
                stat(directory, &status)
                #expect(status.st_mode & 0o777 == 0o700, "\(directory)")
                for (path, mode) in tree(directory) where mode & S_IFMT != S_IFLNK {
                    // The API's socket is for a group; the directory above it keeps out all others.
                    let allowed: mode_t = path.hasSuffix("/era.sock") ? 0o660 : 0o700
                    let isOpen = mode & 0o777 & ~allowed != 0
                    let isInside = path.contains("/files") || path.hasPrefix("\(machine.data)/volumes/")
                    #expect(!isOpen || isInside, "\(path) has mode \(String(mode & 0o777, radix: 8))")
                }
            }
            var status = stat()
            stat("\(machine.run)/era.sock", &status)
            #expect(status.st_mode & S_IFMT == S_IFSOCK && status.st_mode & 0o777 == 0o660)
        }
    }

    @Test func `manifests that others may write are refused, and what runs stays`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            chmod(machine.manifests, 0o777)
            try machine.declare(app.at("6.6.6"))
            try await machine.client.resync()
            try await eventually("the directory is refused") {
                try await machine.client.sources().first?.unavailable?.contains("writable") ?? false
            }
            #expect(process.isAlive)
            #expect(await machine.deployment("web")?.generation == 1)
            // In this order: there must be no moment at which all is well.
            chmod("\(machine.manifests)/web.yaml", 0o666)
            chmod(machine.manifests, 0o700)
            try await machine.client.resync()
            try await eventually("the file is refused") {
                try await machine.client.sources().first?.files.first?.problems
                    .contains { $0.contains("writable") } ?? false
            }
            #expect(await machine.deployment("web")?.generation == 1)
            chmod("\(machine.manifests)/web.yaml", 0o600)
            try await machine.client.resync()
            try await machine.runs(app.at("6.6.6"))
        }
    }
}

extension [UInt8] {
    /// Whether these bytes occur in it.
    fileprivate func contains(sequence: [UInt8]) -> Bool {
        guard let first = sequence.first else { return true }
        return withUnsafeBytes { whole in
            sequence.withUnsafeBytes { part in
                var start = 0
                // The C library searches: a debug build of ours would take minutes.
                while start + part.count <= whole.count, let text = whole.baseAddress,
                    let needle = part.baseAddress,
                    let hit = memchr(text + start, Int32(first), whole.count - start)
                {
                    start = UnsafeRawPointer(hit) - text
                    if start + part.count <= whole.count, memcmp(hit, needle, part.count) == 0 { return true }
                    start += 1
                }
                return false
            }
        }
    }
}
