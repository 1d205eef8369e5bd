import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// Programs from a real registry that asks who is there.
@Suite(
    .enabled(
        if: ["docker-registry", "htpasswd"].allSatisfy { access("/usr/bin/" + $0, X_OK) == 0 },
        "docker-registry or htpasswd is not installed here (apt-get install docker-registry apache2-utils)"
    ),
    .timeLimit(.minutes(3))
)
struct PullSecretTests {
    private func manifest(_ host: String) -> String {
        """
        apiVersion: era.dev/v1
        kind: Deployment
        metadata: {name: hello}
        spec:
          version: "1.0.0"
          runtime: {plugin: process}
          artifact: {source: "oci://\(host)/apps/hello:1", pullSecret: registry}
          command: ["bin/hello"]
          update: {bakeSeconds: 0}
          retry: {limit: 1}

        """
    }

    /// Pushes an artifact of a program and a file that it reads, as ORAS does: a blob with a title for each.
    private func push(_ machine: Machine, to host: String) async throws {
        let script = """
            set -e; cd "$0"; mkdir -p push/bin push/conf; cd push; printf '{}' > config
            printf '#!/bin/sh\\ncat conf/greeting; exec sleep 1000\\n' > bin/hello; echo good day > conf/greeting
            digest() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }
            for file in bin/hello conf/greeting config; do
                to=$(curl -sSf -X POST -D - -o /dev/null http://\(host)/v2/apps/hello/blobs/uploads/ \
                    | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
                curl -sSf -X PUT -H 'Content-Type: application/octet-stream' --data-binary @$file \
                    -o /dev/null "$to&digest=$(digest $file)"
            done
            part() {
                printf '{"mediaType":"%s","size":%d,"digest":"%s"' "$2" "$(stat -c %s $1)" "$(digest $1)"
                printf ',"annotations":{"org.opencontainers.image.title":"%s"}}' $1
            }
            type=application/vnd.oci.image.manifest.v1+json
            printf '{"schemaVersion":2,"mediaType":"%s","config":' $type > manifest
            part config application/vnd.oci.empty.v1+json >> manifest
            printf ',"layers":[' >> manifest
            part bin/hello application/octet-stream >> manifest; printf ',' >> manifest
            part conf/greeting text/plain >> manifest; printf ']}' >> manifest
            curl -sSf -X PUT -H "Content-Type: $type" --data-binary @manifest \
                http://\(host)/v2/apps/hello/manifests/1
            """
        let push = try machine.program("/bin/sh", ["-c", script, machine.root])
        let end = try await push.wait(within: .seconds(30))
        guard end == .code(0) else { throw Trouble("the push ended by \(end)") }
    }

    @Test func `a program of several files comes by the logins that docker login wrote`() async throws {
        try await Machine.with { machine in
            let open = try await machine.registry()
            try await push(machine, to: open.host)
            open.process.signal(SIGKILL)
            _ = try await open.process.wait(within: .seconds(30))
            let port = try #require(open.host.split(separator: ":").last.flatMap { UInt16($0) })
            let host = try await machine.registry(at: port, login: "user:pass").host
            try await machine.daemon(["--insecure-registry", host])
            // For another registry: it has a login, but none for this one.
            try machine.keep(
                secret: "registry",
                [".dockerconfigjson": #"{"auths":{"other.example":{"auth":"dXNlcjpwYXNz"}}}"#]
            )
            try machine.place(manifest(host), "hello.yaml")
            try await eventually("it says that there is no login") {
                try await machine.era("describe", "hello").output.contains("has no login for it")
            }
            try machine.keep(
                secret: "registry",
                [".dockerconfigjson": #"{"auths":{"\#(host)":{"auth":"dXNlcjpwYXNz"}}}"#]
            )
            _ = try await machine.era("retry", "hello")
            try await machine.reaches("hello", "runs") { $0.isReady }
            try await eventually("it read its file") {
                try await machine.era("logs", "hello", "--tail", "1").output == "good day\n"
            }
        }
    }
}
