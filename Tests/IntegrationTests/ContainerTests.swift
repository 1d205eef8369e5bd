import ERAAPI
import ERAClient
import ERACore
import Glibc
import Testing

/// Real images from a real registry, run by the real runc.
@Suite(
    .enabled(
        if: ImageRegistry.isPossible,
        "needs root and: apt-get install runc busybox-static umoci skopeo docker-registry"
    ),
    .timeLimit(.minutes(5))
)
struct ContainerTests {
    private static let probe =
        "health: {startup: {httpGet: {path: /, port: http}, periodSeconds: 1, failureThreshold: 20}}"

    @Test func `an image runs, is updated, goes back, outlives the daemon, and leaves nothing`() async throws
    {
        try await ImageRegistry.with { machine, registry in
            try await registry.push("one")
            try await registry.push("two")
            try await registry.push("broken", entrypoint: ["/bin/sh", "-c", "echo no; exit 5"])
            let port = try machine.port()
            let daemon = try await machine.daemon(["--insecure-registry", registry.host])
            try machine.place(
                registry.manifest("1.0.0", tag: "one", port: port, more: Self.probe),
                "web.yaml"
            )
            try await machine.reaches("web", "runs 1.0.0") { $0.isReady && $0.version == "1.0.0" }
            #expect(await ask(port).body == "one")
            #expect(await ask(port, "/old.html").body == nil)

            try machine.place(
                registry.manifest("2.0.0", tag: "two", port: port, more: Self.probe),
                "web.yaml"
            )
            try await machine.reaches("web", "runs 2.0.0") { $0.isReady && $0.version == "2.0.0" }
            #expect(await ask(port).body == "two")

            // The registry is not needed to go back.
            try machine.place(
                registry.manifest("3.0.0", tag: "broken", port: port, more: Self.probe),
                "web.yaml"
            )
            try await machine.reaches("web", "is back at 2.0.0") {
                $0.phase == .running && $0.version == "2.0.0" && $0.condition(.synced)?.reason == "RolledBack"
            }
            #expect(await ask(port).body == "two")
            registry.end()

            let pid = try await machine.client.get(try machine.key("web")).instance?.pid
            try await daemon.crash()
            #expect(await ask(port).body == "two")
            try await machine.daemon(["--insecure-registry", registry.host])
            let object = try await machine.reaches("web", "is adopted") {
                $0.phase == .running && $0.instance?.pid != nil
            }
            #expect(object.instance?.pid == pid)
            #expect(await ask(port).body == "two")

            try await machine.removes("web")
            #expect(names(in: "\(machine.data)/rootfs") == [])
            #expect(registry.containers.isEmpty)
            #expect(await ask(port) == .refused)
            #expect(!text(of: "/proc/mounts").contains(machine.root))
        }
    }

    @Test func `a program becomes a container of its name, and goes back when that fails`() async throws {
        try await ImageRegistry.with { machine, registry in
            try await registry.push("one")
            try await registry.push("broken", entrypoint: ["/bin/sh", "-c", "exit 5"])
            let app = App(name: "web", port: try machine.port())
            try await machine.daemon(["--insecure-registry", registry.host])
            try machine.declare(app)
            try await machine.runs(app)
            try machine.place(
                registry.manifest("2.0.0", tag: "broken", port: app.port, more: Self.probe),
                "web.yaml"
            )
            try await machine.reaches("web", "is back") {
                $0.phase == .running && $0.version == "1.0.0" && $0.condition(.synced)?.reason == "RolledBack"
            }
            #expect(Greeting(await ask(app.port).body)?.version == "1.0.0")
            try machine.place(
                registry.manifest("2.1.0", tag: "one", port: app.port, more: Self.probe),
                "web.yaml"
            )
            try await machine.reaches("web", "runs 2.1.0") { $0.isReady && $0.version == "2.1.0" }
            #expect(await ask(app.port).body == "one")
            #expect(machine.workloads("web").isEmpty)
            // And back again, by hand.
            _ = try await machine.era("rollback", "web")
            try await machine.reaches("web", "is a program again") {
                $0.phase == .running && $0.version == "1.0.0"
            }
            #expect(Greeting(await ask(app.port).body)?.version == "1.0.0")
            try await machine.removes("web")
        }
    }

    @Test func `a check runs in the container, by its user, with a secret that nothing else shows`()
        async throws
    {
        try await ImageRegistry.with { machine, registry in
            try await registry.push("one")
            try write("canary-0815", to: "\(machine.root)/token")
            mkdir("\(machine.secrets)/default", 0o700)
            mkdir("\(machine.secrets)/default/api", 0o700)
            try write("canary-0815", to: "\(machine.secrets)/default/api/token")
            chmod("\(machine.secrets)/default/api/token", 0o600)
            let port = try machine.port()
            try await machine.daemon(["--insecure-registry", registry.host])
            let check =
                "test $(id -u) = 1234 && test $TOKEN = canary-0815 && test $GREETING = image && test -d /state"
            let more = """
                user: web
                env: [{name: TOKEN, valueFrom: {secret: {name: api, key: token}}}]
                volumes: [{name: state, mountPath: /state, persistent: {}}]
                health: {startup: {exec: {command: ["/bin/sh", "-c", "\(check)"]}, periodSeconds: 1, timeoutSeconds: 10}}
                """
            try machine.place(registry.manifest("1.0.0", tag: "one", port: port, more: more), "web.yaml")
            try await machine.reaches("web", "runs") { $0.isReady }
            let described = try await machine.era("describe", "web")
            #expect(!described.output.contains("canary"))
            #expect(!text(of: machine.log).contains("canary"))
            for name in names(in: "/proc") where Int32(name) != nil {
                #expect(!text(of: "/proc/\(name)/cmdline").contains("TOKEN=canary"), "process \(name)")
            }
            try await machine.removes("web")
        }
    }

    @Test func `what is no image is refused with what to do`() async throws {
        try await ImageRegistry.with { machine, registry in
            try write("#!/bin/sh\n", to: "\(machine.root)/script")
            let file = [
                "artifact", "import", "\(machine.root)/script", "--as", "\(registry.host)/apps/web:file",
            ]
            let imported = try await machine.era(file + ["--data-dir", machine.data])
            try #require(imported.code == 0, "\(imported.error)")
            try await machine.daemon()
            try machine.place(registry.manifest("1.0.0", tag: "file", port: machine.port()), "web.yaml")
            let object = try await machine.reaches("web", "has failed") { $0.phase == .failed }
            #expect(
                object.failure?.message.contains("is not a container image; build one and push it") == true,
                "\(object.summary)"
            )
        }
    }

    /// Whether containers can have a network of their own here.
    private static let hasBridge =
        access("/usr/lib/cni/portmap", X_OK) == 0 && access("/usr/sbin/iptables", X_OK) == 0

    @Test(
        .enabled(
            if: hasBridge,
            "CNI plugins and iptables are not here (apt-get install containernetworking-plugins iptables)"
        )
    )
    func `a container on a bridge is reached by its mapped port, updated, adopted, and leaves no network`()
        async throws
    {
        try await ImageRegistry.with { machine, registry in
            do {
                try await followBridge(machine, registry)
            } catch {
                // Rules and bridge are the host's: they do not go with the machine's directory.
                try? await machine.removes("web")
                throw error
            }
        }
    }

    private func followBridge(_ machine: Machine, _ registry: ImageRegistry) async throws {
        try await registry.push("one")
        try await registry.push("two")
        let port = try machine.port()
        let daemon = try await machine.daemon(["--insecure-registry", registry.host])
        func declare(_ version: String, _ tag: String) throws {
            let text = registry.manifest(version, tag: tag, port: port, more: Self.probe)
                .replacing("127.0.0.1:\(port)", with: "0.0.0.0:80")
                .replacing(
                    "{plugin: container}",
                    with: "{plugin: container, config: {network: bridge, containerPorts: {http: 80}}}"
                )
            try machine.place(text, "web.yaml")
        }
        try declare("1.0.0", "one")
        try await machine.reaches("web", "runs 1.0.0") { $0.isReady && $0.version == "1.0.0" }
        #expect(await ask(port).body == "one")
        let described = try await machine.era("plugins", "describe", "container").output
        let bridge = try #require(
            described.split(whereSeparator: \.isWhitespace).first {
                $0.hasPrefix("era-") && exists("/sys/class/net/\($0)")
            },
            "\(described)"
        )
        try declare("2.0.0", "two")
        try await machine.reaches("web", "runs 2.0.0") { $0.isReady && $0.version == "2.0.0" }
        #expect(await ask(port).body == "two")

        try await daemon.crash()
        #expect(await ask(port).body == "two")
        try await machine.daemon(["--insecure-registry", registry.host])
        try await machine.reaches("web", "is adopted") { $0.phase == .running && $0.instance?.pid != nil }
        #expect(await ask(port).body == "two")
        try await machine.removes("web")
        #expect(await ask(port) == .refused)
        #expect(!exists("/sys/class/net/\(bridge)"))
    }

    @Test func `the sample for a container runs from the image that is made of the sample server`()
        async throws
    {
        try await Machine.with { machine in
            let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
            let image = "\(machine.root)/web.tar"
            let arguments = [
                "\(root)/samples/image.sh", "samples.invalid/web:1", image, Machine.product("sample-web"),
            ]
            let end = try await machine.program("/bin/sh", arguments).wait(within: .seconds(30))
            try #require(end == .code(0))
            let imported = try await machine.era("artifact", "import", image, "--data-dir", machine.data)
            #expect(imported.output.hasPrefix("samples.invalid/web:1   image"), "\(imported.error)")
            try await machine.daemon()
            let port = try machine.port()
            let manifest = text(of: "\(root)/manifests/container.yaml").replacing("8086", with: "\(port)")
            try machine.place(manifest, "container.yaml")
            try await machine.reaches("container", "runs") { $0.isReady }
            let greeting = Greeting(await ask(port).body)
            #expect(greeting?.name == "container" && greeting?.pid == 1)
            try await machine.removes("container")
        }
    }
}
