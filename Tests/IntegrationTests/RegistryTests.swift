import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// Programs from a real registry on this machine.
@Suite(
    .enabled(
        if: access("/usr/bin/docker-registry", X_OK) == 0,
        "docker-registry is not installed here (apt-get install docker-registry)"
    ),
    .timeLimit(.minutes(3))
)
struct RegistryTests {
    @Test func `a tag is resolved once for a revision, and what it was is shown`() async throws {
        try await Machine.with { machine in
            let registry = try await Registry(machine)
            let first = try await registry.push("first")
            try await machine.daemon(["--insecure-registry", registry.host])
            try machine.place(registry.manifest("1.0.0"), "hello.yaml")
            try await machine.reaches("hello", "runs") { $0.isReady }
            try await says(machine, "first")
            let shown = "\(registry.host)/apps/hello:1@\(first)"
            let described = try await machine.era("describe", "hello")
            #expect(described.output.contains(shown), "\(described.output)")

            // The tag moves: what runs stays what it was, also when it is started anew.
            let second = try await registry.push("second")
            #expect(second != first)
            let pid = try await machine.client.get(try machine.key("hello")).instance?.pid
            _ = try await machine.era("restart", "hello")
            try await machine.reaches("hello", "is started anew") { $0.isReady && $0.instance?.pid != pid }
            try await says(machine, "first")

            // Another version asks again; a rollback by hand needs no registry.
            try machine.place(registry.manifest("1.1.0"), "hello.yaml")
            try await machine.reaches("hello", "runs 1.1.0") { $0.isReady && $0.version == "1.1.0" }
            try await says(machine, "second")
            registry.process.signal(SIGKILL)
            _ = try await machine.era("rollback", "hello")
            try await machine.reaches("hello", "is back") { $0.phase == .running && $0.version == "1.0.0" }
            try await says(machine, "first")
        }
    }

    @Test func `a registry in plain http is refused with what to do`() async throws {
        try await Machine.with { machine in
            let registry = try await Registry(machine)
            _ = try await registry.push("first")
            try await machine.daemon()
            try machine.place(registry.manifest("1.0.0"), "hello.yaml")
            try await eventually("it says what to do") {
                try await machine.era("describe", "hello").output.contains("--insecure-registry")
            }
        }
    }

    private func says(_ machine: Machine, _ text: String) async throws {
        try await eventually("it says \(text)") {
            try await machine.era("logs", "hello", "--tail", "1").output == "\(text)\n"
        }
    }
}

/// A registry, and how things come into it.
private struct Registry {
    let machine: Machine
    let host: String
    let process: Child

    init(_ machine: Machine) async throws {
        self.machine = machine
        (host, process) = try await machine.registry()
    }

    /// Pushes an archive with a program that says a text, as ORAS does: one blob with a title.
    ///
    /// - Returns: The digest of the manifest.
    func push(_ word: String) async throws -> String {
        let script = """
            set -e; cd "$0"; mkdir -p tree/bin
            printf '#!/bin/sh\\necho \(word); exec sleep 1000\\n' > tree/bin/hello; chmod 755 tree/bin/hello
            tar -C tree -czf blob .; printf '{}' > config
            digest() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }
            for file in blob config; do
                to=$(curl -sSf -X POST -D - -o /dev/null http://\(host)/v2/apps/hello/blobs/uploads/ \
                    | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
                curl -sSf -X PUT -H 'Content-Type: application/octet-stream' --data-binary @$file \
                    -o /dev/null "$to&digest=$(digest $file)"
            done
            type=application/vnd.oci.image.manifest.v1+json
            empty='"mediaType":"application/vnd.oci.empty.v1+json","size":2'
            title='"annotations":{"org.opencontainers.image.title":"hello.tgz"}'
            layer="\\"mediaType\\":\\"application/x-tar\\",\\"size\\":$(stat -c %s blob),$title"
            printf '{"schemaVersion":2,"mediaType":"%s","artifactType":"application/vnd.example.app",' $type > manifest
            printf '"config":{%s,"digest":"%s"},' "$empty" "$(digest config)" >> manifest
            printf '"layers":[{%s,"digest":"%s"}]}' "$layer" "$(digest blob)" >> manifest
            curl -sSf -X PUT -H "Content-Type: $type" --data-binary @manifest \
                http://\(host)/v2/apps/hello/manifests/1
            digest manifest > pushed
            """
        let push = try machine.program("/bin/sh", ["-c", script, machine.root])
        let end = try await push.wait(within: .seconds(30))
        guard end == .code(0) else { throw Trouble("the push ended by \(end)") }
        let digest = text(of: "\(machine.root)/pushed")
        return String(digest.prefix { $0 != "\n" })
    }

    func manifest(_ version: String) -> String {
        """
        apiVersion: era.dev/v1
        kind: Deployment
        metadata: {name: hello}
        spec:
          version: "\(version)"
          runtime: {plugin: process}
          artifact: {source: "oci://\(host)/apps/hello:1"}
          command: ["bin/hello"]
          update: {bakeSeconds: 0}

        """
    }
}
