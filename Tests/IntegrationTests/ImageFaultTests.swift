import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// Images that somebody else signed, and a registry that dies.
@Suite(
    .enabled(
        if: ImageRegistry.isPossible && access("/usr/bin/openssl", X_OK) == 0,
        "needs root and: apt-get install runc busybox-static umoci skopeo docker-registry apache2-utils openssl"
    ),
    .timeLimit(.minutes(5))
)
struct ImageFaultTests {
    // MARK: Signatures

    @Test func `an image signed by another key is refused with the reason, and what runs goes on`()
        async throws
    {
        try await ImageRegistry.with { machine, registry in
            let port = try machine.port()
            try await keys(machine, "release", "stranger")
            for (tag, key) in [("1", "release"), ("2", "stranger"), ("3", nil), ("4", "release")] {
                let digest = try await registry.push(
                    "apps/web:\(tag)",
                    programs: ["/bin/busybox"],
                    files: ["/www/index.html": tag]
                )
                if let key { try await sign(digest, by: key, registry) }
            }
            try await machine.daemon(["--insecure-registry", registry.host])
            try machine.place(manifest(registry, "1.0.0", "1", port), "web.yaml")
            let running = try await machine.reaches("web", "runs") { $0.isReady }
            let described = try await machine.era("describe", "web").output
            #expect(
                described.contains("cosign key sha256:") && described.contains("Verified"),
                "\(described)"
            )
            for (version, tag, reason) in [
                ("2.0.0", "2", "SignatureInvalid"), ("3.0.0", "3", "SignatureMissing"),
            ] {
                try machine.place(manifest(registry, version, tag, port), "web.yaml")
                let object = try await machine.reaches("web", "refuses \(version)") {
                    $0.declaredVersion == version && $0.quarantine?.reason == reason && $0.phase == .running
                }
                #expect(object.version == "1.0.0" && object.instance?.pid == running.instance?.pid)
                #expect(await ask(port).body == "1")
            }
            let shown = try await machine.era("get", "web", "-o", "yaml").output
            #expect(shown.contains("SignatureMissing"), "\(shown)")
            try machine.place(manifest(registry, "4.0.0", "4", port), "web.yaml")
            try await machine.reaches("web", "runs 4.0.0") { $0.isReady && $0.version == "4.0.0" }
            #expect(await ask(port).body == "4")
            try await machine.removes("web")
        }
    }

    private func keys(_ machine: Machine, _ names: String...) async throws {
        for name in names {
            let script = """
                set -e; cd "$0"; umask 077
                openssl ecparam -name prime256v1 -genkey -noout -out \(name).key
                openssl ec -in \(name).key -pubout -out \(name).pub
                """
            try await run(machine, script)
        }
    }

    /// Signs an image as `cosign sign --key` does: a payload with the digest, and an image of that below the
    /// tag that follows from the digest.
    private func sign(_ digest: String, by key: String, _ registry: ImageRegistry) async throws {
        let repository = "http://\(registry.host)/v2/apps/web"
        let signed =
            #""image":{"docker-manifest-digest":"\#(digest)"},"type":"cosign container image signature""#
        let payload =
            #"{"critical":{"identity":{"docker-reference":"\#(registry.host)/apps/web"},\#(signed)},"optional":null}"#
        let script = """
            set -e; cd "$0"; printf '%s' '\(payload)' > payload; printf '{}' > config
            signature=$(openssl dgst -sha256 -sign \(key).key payload | base64 -w0)
            digest() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }
            for file in payload config; do
                to=$(curl -sSf -X POST -D - -o /dev/null \(repository)/blobs/uploads/ \\
                    | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
                curl -sSf -X PUT -H 'Content-Type: application/octet-stream' --data-binary @$file \\
                    -o /dev/null "$to&digest=$(digest $file)"
            done
            types=application/vnd.oci.image
            printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s","size":2,"digest":"%s"},' \\
                $types.manifest.v1+json $types.config.v1+json "$(digest config)" > manifest
            printf '"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","size":%s,"digest":"%s",' \\
                "$(stat -c %s payload)" "$(digest payload)" >> manifest
            printf '"annotations":{"dev.cosignproject.cosign/signature":"%s"}}]}' "$signature" >> manifest
            curl -sSf -X PUT -H "Content-Type: $types.manifest.v1+json" --data-binary @manifest \\
                \(repository)/manifests/\(digest.replacing(":", with: "-")).sig
            """
        try await run(registry.machine, script)
    }

    private func run(_ machine: Machine, _ script: String) async throws {
        let child = try machine.program("/bin/sh", ["-c", script, machine.root])
        let end = try await child.wait(within: .seconds(30))
        guard end == .code(0) else { throw Trouble("a script ended by \(end): \(script)") }
    }

    private func manifest(_ registry: ImageRegistry, _ version: String, _ tag: String, _ port: UInt16)
        -> String
    {
        """
        apiVersion: era.dev/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          version: "\(version)"
          runtime: {plugin: container}
          artifact:
            source: "oci://\(registry.host)/apps/web:\(tag)"
            signature: {type: cosign, keys: [{file: \(registry.machine.root)/release.pub}]}
          args: [httpd, -f, -h, /www, -p, "127.0.0.1:\(port)"]
          ports: [{name: http, port: \(port)}]
          health: {startup: {httpGet: {path: /, port: http}, periodSeconds: 1, failureThreshold: 60}}
          update: {bakeSeconds: 0}
          stop: {signal: KILL}

        """
    }

    // MARK: A registry that dies

    /// Of the file that makes an image take a while.
    private static let size = 192 << 20

    @Test func `a registry that dies midway costs what was on its way: the rest comes when it is back`()
        async throws
    {
        try await ImageRegistry.with { machine, registry in
            let port = try machine.port()
            mkdir("\(machine.root)/large", 0o755)
            try await run(machine, "head -c \(Self.size) /dev/urandom > \"$0\"/large/file")
            _ = try await registry.push(
                "apps/web:1",
                programs: ["/bin/busybox", "\(machine.root)/large/file"]
            )
            remove("\(machine.root)/large")
            try await machine.daemon(["--insecure-registry", registry.host])
            let lines = """
                artifact: {source: "oci://\(registry.host)/apps/web:1"}
                args: [httpd, -f, -p, "127.0.0.1:\(port)"]
                retry: {limit: 50, initialDelay: 200ms, factor: 1, maxDelay: 1s}
                """
            let text = """
                apiVersion: era.dev/v1
                kind: Deployment
                metadata: {name: web}
                spec:
                  version: "1.0.0"
                  runtime: {plugin: container}
                  \(lines.replacing("\n", with: "\n  "))
                  update: {bakeSeconds: 0}
                  stop: {signal: KILL}
                """
            try machine.place(text, "web.yaml")
            let come = await endMidway(machine, registry)
            try #require(come > 0 && come < Self.size, "it ended after \(come) bytes")
            let waiting = try await machine.reaches("web", "waits for the registry") {
                $0.wait?.reason == "RetryBackOff"
            }
            #expect(waiting.failure?.reason == "FetchFailed", "\(waiting.summary)")
            #expect(waiting.failure?.message.contains(registry.host) == true, "\(waiting.summary)")

            let number = try #require(registry.host.split(separator: ":").last.flatMap { UInt16($0) })
            _ = try await machine.registry(at: number)
            try await machine.reaches("web", "runs") { $0.isReady }
            let log = IntegrationTests.text(of: machine.registryLog)
            #expect(log.contains("\" 206 "), "what had come is not asked for again")
            try await machine.removes("web")
        }
    }

    /// Kills the registry when a part of the layer has come.
    ///
    /// - Returns: How much had come.
    private func endMidway(_ machine: Machine, _ registry: ImageRegistry) async -> Int {
        let place = "\(machine.data)/artifacts/ingest"
        return await offThread {
            let deadline = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < deadline {
                let size = Self.largest(place)
                if size > 1 << 20 {
                    registry.end()
                    return size
                }
                usleep(500)
            }
            return 0
        }
    }

    /// The size of the largest file that is on its way.
    private static func largest(_ place: String) -> Int {
        names(in: place).filter { $0.hasSuffix(".partial") }.map { name in
            var status = stat()
            return stat("\(place)/\(name)", &status) == 0 ? Int(status.st_size) : 0
        }.max() ?? 0
    }
}
