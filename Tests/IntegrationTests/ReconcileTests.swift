import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// `era reconcile`, for cron and CI.
@Suite(.timeLimit(.minutes(5)))
struct ReconcileTests {
    @Test func `without a daemon it converges, leaves what runs, and its code says what came of it`()
        async throws
    {
        try await Machine.with { machine in
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let first = try await reconcile(machine)
            #expect(first.code == 0, "\(first.error)")
            #expect(first.output.contains("default/web Running 1.0.0"))
            let process = try #require(machine.workloads("web").first)
            #expect(Greeting(await ask(app.port).body)?.pid == process.pid)
            // Nothing to do: nothing is touched.
            #expect(try await reconcile(machine).code == 0)
            #expect(machine.workloads("web") == [process])

            try machine.declare(app.broken("2.0.0"))
            let failed = try await reconcile(machine)
            #expect(failed.code == 4, "\(failed.output)\(failed.error)")
            #expect(Greeting(await ask(app.port).body)?.version == "1.0.0")
            #expect(try await reconcile(machine).code == 4)

            try machine.declare(app.at("3.0.0"))
            try machine.place("apiVersion: era.dev/v1\nkind: Deployment\nspec: 7\n", "wrong.yaml")
            let wrong = try await reconcile(machine)
            #expect(wrong.code == 1)
            #expect(wrong.error.contains("wrong.yaml:"), "\(wrong.error)")
            // One file's mistake does not hold up the others.
            #expect(Greeting(await ask(app.port).body)?.version == "3.0.0")
        }
    }

    @Test func `what takes too long is a time-out, and the next run goes on with it`() async throws {
        try await Machine.with { machine in
            var app = App(name: "web", port: try machine.port())
            app.options = ["--ready-after", "6"]
            try machine.declare(app)
            let slow = try await reconcile(machine, "--timeout", "2s")
            #expect(slow.code == 5, "\(slow.output)\(slow.error)")
            let process = try #require(machine.workloads("web").first)
            #expect(try await reconcile(machine).code == 0)
            #expect(machine.workloads("web") == [process])
        }
    }

    @Test func `killed in the middle, the next one goes on with what it left`() async throws {
        try await Machine.with { machine in
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            for point in ["after.Install", "after.Start", "appended.HealthChecking"] {
                let run = try machine.start(["reconcile"] + machine.directories, ["ERA_FAILPOINT=\(point)"])
                #expect(try await run.wait() == .signal(SIGKILL), "\(point)")
            }
            let process = try #require(machine.workloads("web").first)
            #expect(try await reconcile(machine).code == 0)
            #expect(machine.workloads("web") == [process])
            try await machine.daemon()
            #expect(try await machine.runs(app) == process)
            try await machine.holds([app])
        }
    }

    @Test func `with a daemon it asks that one`() async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let outcome = try await reconcile(machine)
            #expect(outcome.code == 0, "\(outcome.output)\(outcome.error)")
            #expect(outcome.error.contains("a daemon runs here"))
            #expect(outcome.output.contains("default/web Running 1.0.0"))
            try machine.declare(app.broken("2.0.0"))
            #expect(try await reconcile(machine).code == 4)
            #expect(daemon.end == nil)
            machine.withdraw("web")
            let held = try await reconcile(machine)
            #expect(held.code == 1 && held.error.contains("--confirm-prune"), "\(held.error)")
            #expect(try await reconcile(machine, "--confirm-prune").code == 0)
            try await machine.vanishes("web")
        }
    }

    /// More downloads that never come than deployments are worked on at the same time, so that not even a
    /// first look at all of them comes to an end.
    @Test(arguments: [false, true])
    func `the time-out bounds everything that hangs, and names it`(hasDaemon: Bool) async throws {
        try await Machine.with { machine in
            let registry = try SilentServer()
            let digest = "sha256:" + String(repeating: "0", count: 64)
            let artifact =
                "artifact: {source: \"http://127.0.0.1:\(registry.port)/a\", digest: \"\(digest)\"}"
            for number in 1...20 {
                try machine.declare(App(name: "app-\(number)", program: ["bin/app"], more: artifact))
            }
            if hasDaemon { try await machine.daemon(["--allow-http"]) }
            let start = ContinuousClock.now
            let end = try await reconcile(machine, "--allow-http", "--timeout", "2s")
            #expect(end.code == 5, "\(end.output)\(end.error)")
            // What remains above the time-out is the start of a program on a slow machine.
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(end.error.contains("time is over; not finished: default/app-1, "), "\(end.error)")
            #expect(end.output.contains("default/app-20 "), "\(end.output)")
        }
    }

    @Test func `a daemon that says nothing is waited for no longer than the time-out`() async throws {
        try await Machine.with { machine in
            let daemon = try await machine.daemon()
            daemon.signal(SIGSTOP)
            let end = try await reconcile(machine, "--timeout", "2s")
            #expect(end.code == 5, "\(end.output)\(end.error)")
            #expect(end.error.contains("does not answer"), "\(end.error)")
        }
    }

    /// Saved by a program that keeps the file open: it counts when it has been left alone for a while.
    @Test func `what is being written is waited for, and told when it takes too long`() async throws {
        try await Machine.with { machine in
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            try await machine.daemon()
            try await machine.runs(app)
            let file = open("\(machine.manifests)/web.yaml", O_WRONLY | O_TRUNC | O_CLOEXEC)
            defer { close(file) }
            let text = Array(app.at("2.0.0").yaml.utf8)
            #expect(write(file, text, text.count) == text.count)
            let early = try await reconcile(machine, "--timeout", "2s")
            #expect(early.code == 5, "\(early.output)\(early.error)")
            #expect(early.error.contains("web.yaml was still being written"), "\(early.error)")
            let late = try await reconcile(machine)
            #expect(late.code == 0, "\(late.output)\(late.error)")
            #expect(late.output.contains("default/web Running 2.0.0"), "\(late.output)")
        }
    }

    private func reconcile(_ machine: Machine, _ more: String...) async throws -> Machine.Outcome {
        try await machine.era(["reconcile"] + machine.directories + more)
    }
}
