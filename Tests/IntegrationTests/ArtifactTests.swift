import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// A machine that has no network, and is fed by hand.
@Suite(.timeLimit(.minutes(3)))
struct ArtifactTests {
    /// Nobody has this host: a registry that was asked would not be found.
    private static let name = "registry.invalid/apps/hello:1"

    private func pack(_ word: String, _ machine: Machine) async throws -> String {
        let script = """
            set -e; cd "$0"; mkdir -p tree-\(word)/bin
            printf '#!/bin/sh\\necho \(word); exec sleep 1000\\n' > tree-\(word)/bin/hello
            chmod 755 tree-\(word)/bin/hello; tar -C tree-\(word) -czf \(word).tgz .
            """
        let end = try await machine.program("/bin/sh", ["-c", script, machine.root]).wait(
            within: .seconds(30)
        )
        guard end == .code(0) else { throw Trouble("tar ended by \(end)") }
        return "\(machine.root)/\(word).tgz"
    }

    private func manifest(_ version: String) -> String {
        """
        apiVersion: era.dev/v1
        kind: Deployment
        metadata: {name: hello}
        spec:
          version: "\(version)"
          runtime: {plugin: process}
          artifact: {source: "oci://\(Self.name)"}
          command: ["bin/hello"]
          update: {bakeSeconds: 0}

        """
    }

    private func artifact(_ machine: Machine, _ words: String...) async throws -> Machine.Outcome {
        try await machine.era(["artifact"] + words + ["--data-dir", machine.data])
    }

    @Test func `what was imported is deployed by its name, updated by it, and rolled back without it`()
        async throws
    {
        try await Machine.with { machine in
            // Before there has been any daemon.
            let first = try await artifact(machine, "import", pack("first", machine), "--as", Self.name)
            #expect(first.code == 0, "\(first.error)")
            try await machine.daemon()
            try machine.place(manifest("1.0.0"), "hello.yaml")
            try await machine.reaches("hello", "runs") { $0.isReady }
            try await says(machine, "first")
            let list = try await artifact(machine, "list")
            #expect(list.output.contains("default/hello (current)"), "\(list.output)")

            // The name moves; what it named before stays for a rollback.
            let second = try await artifact(machine, "import", pack("second", machine), "--as", Self.name)
            #expect(second.code == 0, "\(second.error)")
            try machine.place(manifest("1.1.0"), "hello.yaml")
            try await machine.reaches("hello", "runs 1.1.0") { $0.isReady && $0.version == "1.1.0" }
            try await says(machine, "second")
            #expect(try await artifact(machine, "list").output.contains("default/hello (previous)"))
            #expect(try await artifact(machine, "remove", Self.name).output == "\(Self.name) removed\n")
            #expect(try await artifact(machine, "gc", "--all").code == 0)
            _ = try await machine.era("rollback", "hello")
            try await machine.reaches("hello", "is back") { $0.phase == .running && $0.version == "1.0.0" }
            try await says(machine, "first")
        }
    }

    @Test func `what is exported is imported again, and who uses it is known without a daemon`() async throws
    {
        try await Machine.with { machine in
            _ = try await artifact(machine, "import", pack("first", machine), "--as", Self.name)
            let daemon = try await machine.daemon()
            try machine.place(manifest("1.0.0"), "hello.yaml")
            try await machine.reaches("hello", "runs") { $0.isReady }
            let path = "\(machine.root)/out.tar"
            #expect(try await artifact(machine, "export", Self.name, path).code == 0)
            let again = try await machine.era([
                "artifact", "import", path, "--data-dir", "\(machine.root)/other",
            ])
            #expect(again.output.hasPrefix("\(Self.name)   file   sha256:"), "\(again.error)")

            // A daemon that is not found keeps its directory to itself.
            let lost = try await machine.era([
                "artifact", "gc", "--data-dir", machine.data, "--run-dir", "\(machine.root)/none",
            ])
            #expect(lost.code == 3, "\(lost.error)")
            daemon.signal(SIGTERM)
            _ = try await daemon.wait(within: .seconds(30))
            let list = try await artifact(machine, "list")
            #expect(list.output.contains("default/hello (current)"), "\(list.error)")
            _ = try await artifact(machine, "remove", Self.name)
            #expect(try await artifact(machine, "gc", "--all").code == 0)
            #expect(try await artifact(machine, "list").output.contains("default/hello (current)"))
        }
    }

    private func says(_ machine: Machine, _ text: String) async throws {
        try await eventually("it says \(text)") {
            try await machine.era("logs", "hello", "--tail", "1").output == "\(text)\n"
        }
    }
}
