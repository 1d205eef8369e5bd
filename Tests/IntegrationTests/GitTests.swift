import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// A repository that is pushed to, and a daemon that follows it.
@Suite(.enabled(if: access("/usr/bin/git", X_OK) == 0, "there is no git"), .timeLimit(.minutes(5)))
struct GitTests {
    /// A work tree and its repository.
    private struct Repository {
        let machine: Machine
        var path: String { machine.root + "/repository" }
        var address: String { "git+file://\(path)#main:apps" }

        func run(_ script: String) async throws {
            let program =
                """
                set -e; export HOME="$0" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=a@example.org
                export GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=a@example.org
                mkdir -p "$0/repository/apps"; cd "$0/repository"; [ -d .git ] || git init -q -b main
                \(script)
                """
            let end = try await machine.program("/bin/sh", ["-c", program, machine.root]).wait(
                within: .seconds(60)
            )
            guard end == .code(0) else { throw Trouble("\(script) ended by \(end)") }
        }

        func push(_ apps: [App], _ extra: (name: String, text: String)? = nil) async throws {
            try await run("git rm -q -r --ignore-unmatch apps; mkdir -p apps; echo apps > apps/README")
            for app in apps { try write(app.yaml, to: "\(path)/apps/\(app.name).yaml") }
            if let extra { try write(extra.text, to: "\(path)/apps/\(extra.name)") }
            try await run("git add -A; git commit -q --allow-empty -m 'Declare \(apps.count) apps'")
        }
    }

    @Test func `a push deploys, updates and removes, and a broken manifest holds nobody up`() async throws {
        try await Machine.with { machine in
            let repository = Repository(machine: machine)
            let web = App(name: "web", port: try machine.port())
            let other = App(name: "other", port: try machine.port())
            try await repository.push([web, other])
            _ = try await machine.daemon(["--source", repository.address, "--interval", "1s"])
            try await machine.runs(web)
            let process = try await machine.runs(other)
            let object = try #require(await machine.deployment("web"))
            #expect(object.origin?.path == "web.yaml")
            #expect(object.origin?.source == repository.address)

            // What is wrong is shown with its line; the other file counts.
            try await repository.push([web.at("2.0.0")], ("other.yaml", "kind: Deployment\nspec: [\n"))
            try await machine.runs(web.at("2.0.0"))
            try await eventually("the mistake is shown") {
                try await machine.era("sources").output.contains("other.yaml:")
            }
            #expect(try await machine.era("sources").output.contains("by Ada"))
            #expect(process.isAlive)
            try await machine.holds([web.at("2.0.0"), other])

            // One that goes is removed; that all go waits for a word.
            try await repository.push([web.at("2.0.0")])
            try await machine.vanishes("other")
            try await repository.push([])
            try await eventually("its deletion waits") {
                try await machine.era("sources").output
                    .contains("not deleted without confirmation: default/web")
            }
            try await machine.holds([web.at("2.0.0")])
            #expect(try await machine.era("prune", "--confirm").code == 0)
            try await machine.vanishes("web")
        }
    }

    @Test func `a repository out of reach changes nothing, also for a daemon that begins without it`()
        async throws
    {
        try await Machine.with { machine in
            let repository = Repository(machine: machine)
            let web = App(name: "web", port: try machine.port())
            try await repository.push([web])
            let arguments = ["--source", repository.address, "--interval", "1s"]
            let daemon = try await machine.daemon(arguments)
            let process = try await machine.runs(web)
            try #require(rename(repository.path, repository.path + "-away") == 0)
            try await eventually("it is said") {
                try await machine.era("sources").output.contains("cannot be read: cannot fetch")
            }
            try await daemon.crash()
            _ = try await machine.daemon(arguments)
            #expect(try await machine.runs(web) == process)
            try await machine.holds([web])
            #expect(process.isAlive)
            try #require(rename(repository.path + "-away", repository.path) == 0)
            try await repository.push([web.at("1.1.0")])
            try await machine.runs(web.at("1.1.0"))
        }
    }

    @Test func `what moves from the directory to the repository goes on running`() async throws {
        try await Machine.with { machine in
            let repository = Repository(machine: machine)
            try await repository.push([])
            let web = App(name: "web", port: try machine.port())
            try machine.declare(web)
            _ = try await machine.daemon(["--source", repository.address, "--interval", "1s"])
            let process = try await machine.runs(web)
            try await repository.push([web])
            try await eventually("both are named") {
                try await machine.era("sources").output.contains("web.yaml")
            }
            machine.withdraw("web")
            try await machine.reaches("web", "belongs to the repository") {
                $0.isReady && $0.origin?.source == repository.address
            }
            #expect(process.isAlive)
            try await machine.holds([web])
        }
    }
}
