import ERAAPI
import ERAClient
import ERAContracts
import ERACore
import Glibc
import Testing

/// How people and their editors write manifests, and what can happen to their directory.
@Suite(.timeLimit(.minutes(5)))
struct ManifestFaultTests {
    @Test func `a manifest written slowly counts when it is whole`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            // Each part but the last is a manifest, or none, of something else.
            let bytes = Array(app.at("1.1.0").yaml.utf8)
            let file = open("\(machine.manifests)/web.yaml", O_WRONLY | O_TRUNC | O_CLOEXEC)
            try #require(file >= 0)
            let size = bytes.count / 8 + 1
            for start in stride(from: 0, to: bytes.count, by: size) {
                let part = Array(bytes[start..<min(start + size, bytes.count)])
                #expect(Glibc.write(file, part, part.count) == part.count)
                try await always("a part is no manifest", for: .milliseconds(250)) { process.isAlive }
            }
            fsync(file)
            close(file)
            try await machine.runs(app.at("1.1.0"))
            let object = try #require(await machine.deployment("web"))
            #expect(object.generation == 2)
            #expect(object.revisions.count == 2)
        }
    }

    @Test func `what editors leave beside a manifest is nothing, and each way to save is one change`()
        async throws
    {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            let path = "\(machine.manifests)/web.yaml"
            let wrong = app.at("9.9.9").yaml
            for name in [
                "4913", "web.yaml~", ".web.yaml.swp", ".web.yaml.swx", "#web.yaml#", "web.yaml.bak",
                "sedAbC12",
            ] {
                try write(wrong, to: "\(machine.manifests)/\(name)")
            }
            symlink("me@host.1234", "\(machine.manifests)/.#web.yaml")
            // vim: the old file becomes the backup, the new one is written, the backup goes.
            rename(path, path + "~")
            try await Task.sleep(for: .milliseconds(30))
            try write(app.yaml, to: path)
            unlink(path + "~")
            // touch, and a save of the same.
            try write(app.yaml, to: path)
            try await machine.client.resync()
            try await always("nothing has changed", for: .milliseconds(600)) {
                await machine.deployment("web")?.generation == 1
            }
            #expect(process.isAlive)

            rename(path, path + "~")
            try write(app.at("1.1.0").yaml, to: path)
            unlink(path + "~")
            try await machine.runs(app.at("1.1.0"))
            // sed -i: another file takes the name.
            try write(app.at("1.2.0").yaml, to: "\(machine.manifests)/sedXyZ89")
            rename("\(machine.manifests)/sedXyZ89", path)
            try await machine.runs(app.at("1.2.0"))
            #expect(await machine.deployment("web")?.generation == 3)
            // A rename is not a deletion.
            let last = try await machine.runs(app.at("1.2.0"))
            rename(path, "\(machine.manifests)/other.yml")
            try await machine.reaches("web", "is declared in the new file") { $0.origin?.path == "other.yml" }
            #expect(last.isAlive)
        }
    }

    @Test func `one name in two files changes nothing, and both files are told`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            try machine.declare(app.at("2.0.0"), file: "twin.yaml")
            try await eventually("both files are told") {
                let files = try await machine.client.sources().flatMap(\.files)
                return files.filter { !$0.problems.isEmpty }.map(\.path).sorted() == [
                    "twin.yaml", "web.yaml",
                ]
            }
            #expect(process.isAlive)
            #expect(await machine.deployment("web")?.generation == 1)
            unlink("\(machine.manifests)/twin.yaml")
            try machine.declare(app.at("1.1.0"))
            try await machine.runs(app.at("1.1.0"))
        }
    }

    @Test func `a broken manifest is told, and what it declared before stays`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            try machine.place(
                app.yaml.replacing("plugin: process", with: "plugin: process, nonsense: 7"),
                "web.yaml"
            )
            try await eventually("the mistake is told with its place") {
                try await machine.client.sources().first?.files.first?.problems
                    .contains { $0.contains("web.yaml:6:") && $0.contains("nonsense") } ?? false
            }
            #expect(process.isAlive)
            try machine.place("\u{0}\u{1}\u{2}", "web.yaml")
            try machine.place(String(repeating: "[", count: 100_000), "deep.yaml")
            try await eventually("both are told") {
                let files = try await machine.client.sources().flatMap(\.files)
                return files.count { !$0.problems.isEmpty } == 2
            }
            try await machine.client.resync()
            #expect(process.isAlive)
            let web = try #require(await machine.deployment("web"))
            #expect(web.condition(.available)?.isTrue == true)
            #expect(web.condition(.synced)?.reason == "SourceProblem" && !web.isReady)
            #expect(web.condition(.synced)?.message.hasPrefix("web.yaml:") == true)
        }
    }

    @Test func `a directory that is gone deletes nothing, and is read again when it is back`() async throws {
        try await Machine.with { machine in
            try await machine.daemon()
            let app = App(name: "web", port: try machine.port())
            try machine.declare(app)
            let process = try await machine.runs(app)
            rename(machine.manifests, machine.root + "/away")
            try await machine.client.resync()
            try await eventually("the source is unavailable") {
                try await machine.client.sources().first?.unavailable != nil
            }
            try await machine.client.resync()
            #expect(process.isAlive)
            #expect(await machine.deployment("web")?.isReady == true)
            rename(machine.root + "/away", machine.manifests)
            try machine.declare(app.at("1.1.0"))
            try await machine.runs(app.at("1.1.0"))
        }
    }
}
