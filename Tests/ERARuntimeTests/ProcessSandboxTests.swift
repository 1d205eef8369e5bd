import Dispatch
import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

@Suite struct ProcessSandboxTests {
    private func output(
        of script: String,
        _ host: ProcessHost,
        change: (inout DeploymentSpec) -> Void = { _ in },
        prepare: (inout PreparedInstance) -> Void = { _ in }
    ) async throws -> String {
        let plugin = host.plugin()
        var instance = try host.instance(script, change: change)
        prepare(&instance)
        try await host.run(instance, plugin)
        _ = try await plugin.exit(instance.id)
        return try await plugin.output(instance.id)
    }

    @Test func `the environment is exactly what was given and what ERA documents`() async throws {
        try await ProcessHost.with { host in
            let text = try await output(of: "", host) {
                $0.command = ["/usr/bin/env"]
                $0.ports = [PortSpec(name: PartName(checked: "web-api"), port: 8080)]
            } prepare: {
                $0.environment = [("TOKEN", SecretText("s3cret")), ("USER", SecretText("somebody"))]
            }
            let variables = Set(text.split(separator: "\n").map { String($0.prefix { $0 != "=" }) })
            #expect(
                variables == [
                    "PATH", "HOME", "USER", "LOGNAME", "ERA_NAMESPACE", "ERA_NAME", "ERA_REVISION",
                    "ERA_INSTANCE",
                    "PORT_WEB_API", "TOKEN",
                ]
            )
            #expect(text.contains("TOKEN=s3cret\n") && text.contains("USER=somebody\n"))
            #expect(text.contains("PORT_WEB_API=8080\n") && text.contains("ERA_REVISION=1\n"))
        }
    }

    @Test func `a secret is in no argument list, no file and no memory of the shim`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            var instance = try host.instance("exec sleep 1000")
            let canary = "canary-\(getpid())-8271"
            instance.environment = [("TOKEN", SecretText(canary))]
            try await host.run(instance, plugin)
            let record = try #require(host.record(instance))
            #expect(!text(of: "/proc/\(record.shim.pid)/cmdline").contains(canary))
            #expect(!text(of: "/proc/\(record.shim.pid)/environ").contains(canary))
            for directory in ["shim", "log"] {
                for file in namesInDirectory("\(instance.directory)/\(directory)") {
                    #expect(!text(of: "\(instance.directory)/\(directory)/\(file)").contains(canary))
                }
            }
            #expect(!text(of: "/proc/\(record.shim.pid)/maps").contains("memfd"))
        }
    }

    @Test func `no descriptor but the three is inherited, and signals are at their defaults`() async throws {
        try await ProcessHost.with { host in
            let script =
                "ls /proc/self/fd | tr '\\n' ' '; grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d '\\t\\n'; umask"
            let text = try await output(of: script, host)
            // The fourth is of ls itself.
            #expect(text == "0 1 2 3 SigBlk:0000000000000000SigIgn:00000000000000000022\n")
        }
    }

    @Test func `it has no capabilities and cannot get new ones, unless they are named`() async throws {
        try await ProcessHost.with { host in
            let script =
                "grep -E 'Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs' /proc/self/status | tr -d '\\t' | tr '\\n' ' '"
            let none = try await output(of: script, host)
            #expect(none.contains("CapPrm:0000000000000000 CapEff:0000000000000000"))
            #expect(none.contains("NoNewPrivs:1"))
            guard geteuid() == 0 else { return }
            #expect(none.contains("CapBnd:0000000000000000"))
        }
        try await ProcessHost.with { host in
            guard geteuid() == 0 else { return }
            let script = "grep CapEff /proc/self/status"
            let kept = try await output(of: script, host) {
                $0.user = "nobody"
                $0.runtime.config = ["capabilities": ["NET_BIND_SERVICE"]]
            }
            #expect(kept.contains("0000000000000400"))
        }
    }

    @Test func `a probe is to have the capabilities that the workload keeps, and no other`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let plain = try host.instance("exec sleep 1000")
            _ = try await plugin.install(plain)
            #expect(try await plugin.probeEnvironment(plain).capabilities == 0)
            let keeping = try host.instance("exec sleep 1000", name: "keeping") {
                $0.runtime.config = ["capabilities": ["CHOWN", "NET_BIND_SERVICE"]]
            }
            _ = try await plugin.install(keeping)
            #expect(try await plugin.probeEnvironment(keeping).capabilities == 1 << 0 | 1 << 10)
        }
    }

    @Test func `it runs as the user, with the user's groups, in a directory that it may use`() async throws {
        try await ProcessHost.with { host in
            guard geteuid() == 0 else { return }
            let text = try await output(
                of: "id -u; id -g; id -G; echo $USER; echo x > mine && cat mine",
                host
            ) {
                $0.user = "nobody"
            }
            let user = try #require(HostUser("nobody"))
            let groups = user.groups.map(String.init).joined(separator: " ")
            #expect(text == "\(user.user)\n\(user.group)\n\(groups)\nnobody\nx\n")
        }
    }

    @Test func `limits are set, or the status says what the host cannot give`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let instance = try host.instance("ulimit -n; ulimit -c; exec sleep 1000") {
                $0.runtime.config = ["rlimits": ["nofile": 123, "core": 0]]
                $0.resources = ResourceLimits(memory: ByteCount(64 << 20), pids: 10)
            }
            try await host.run(instance, plugin)
            try await eventually("it wrote") { try await plugin.output(instance.id) == "123\n0\n" }
            let restrictions = try await plugin.status(instance.id).restrictions
            let group = plugin.host.shims.options.groups?.path(plugin.host.shims.place(instance.id).name)
            for (limit, file) in [("memory", "memory.max"), ("pids", "pids.max")] {
                let isSet = group.map {
                    !text(of: "\($0)/\(file)").isEmpty && !text(of: "\($0)/\(file)").hasPrefix("max")
                }
                #expect(
                    isSet == true || restrictions.contains { $0.hasPrefix("\(limit) limit not enforced") }
                )
            }
            #expect(try await host.plugin().status(instance.id).restrictions == restrictions)
        }
    }

    @Test func `volumes are where they are mounted, for the daemon's user and for another`() async throws {
        for user in [nil, "nobody"] where user == nil || geteuid() == 0 {
            try await ProcessHost.with { host in
                let volume = host.root + "/volume"
                makeDirectories(volume)
                if let user { chown(volume, HostUser(user)?.user ?? 0, 0) }
                let text = try await output(of: "echo kept > sub/state/file; cat sub/state/file", host) {
                    $0.user = user
                } prepare: {
                    $0.volumes = [
                        .init(
                            name: PartName(checked: "state"),
                            hostPath: volume,
                            mountPath: "sub/state",
                            isReadOnly: false
                        )
                    ]
                }
                #expect(text == "kept\n")
                #expect(ERARuntimeTests.text(of: volume + "/file") == "kept\n")
            }
        }
    }

    @Test func `a tmpfs, a read-only and an absolute volume are mounted for the workload only`() async throws
    {
        try await ProcessHost.with { host in
            guard geteuid() == 0 else { return }
            let volume = host.root + "/volume"
            let absolute = host.root + "/absolute"
            makeDirectories(volume)
            makeDirectories(absolute)
            write("content", to: volume + "/file")
            let script =
                "echo x > scratch/x && df -P scratch | tail -1 | cut -d' ' -f1; cat ro/file; "
                + "(echo y > ro/y) 2>/dev/null || echo refused; cat \(absolute)/file"
            let text = try await output(of: script, host) { _ in
            } prepare: {
                func volume_(
                    _ name: String,
                    _ path: String,
                    _ mountPath: String,
                    _ readOnly: Bool,
                    _ tmpfs: Bool
                )
                    -> PreparedInstance.Volume
                {
                    .init(
                        name: PartName(checked: name),
                        hostPath: path,
                        mountPath: mountPath,
                        isReadOnly: readOnly,
                        tmpfs: tmpfs ? .init(sizeLimit: ByteCount(1 << 20)) : nil
                    )
                }
                $0.volumes = [
                    volume_("scratch", "", "scratch", false, true), volume_("ro", volume, "ro", true, false),
                    volume_("absolute", volume, absolute, false, false),
                ]
            }
            #expect(text == "tmpfs\ncontentrefused\ncontent\n")
            #expect(namesInDirectory(absolute) == [])
        }
    }

    @Test func `a fetched file is a program of the instance`() async throws {
        try await ProcessHost.with { host in
            let artifact = host.root + "/blob"
            write("#!/bin/sh\necho from $0; pwd\n", to: artifact)
            for user in [nil, "nobody"] where user == nil || geteuid() == 0 {
                let plugin = host.plugin()
                var instance = try host.instance("", name: user ?? "app") {
                    $0.command = ["tool"]
                    $0.user = user
                }
                instance.artifact = StoredArtifact(
                    digest: try Digest("sha256:" + String(repeating: "0", count: 64)),
                    size: ByteCount(0),
                    path: artifact,
                    name: "tool"
                )
                try await host.run(instance, plugin)
                #expect(try await plugin.exit(instance.id) == .code(0))
                #expect(try await plugin.output(instance.id).hasPrefix("from ./tool\n"))
            }
        }
    }

    @Test func `a program that is being written for a moment longer is waited for`() async throws {
        try await ProcessHost.with { host in
            let plugin = host.plugin()
            let program = host.root + "/program"
            write(readSmallFile("/bin/true", limit: 1 << 24) ?? [], to: program)
            chmod(program, 0o755)
            let instance = try host.instance("") { $0.command = [program] }
            let handle = try await plugin.install(instance)
            // As a child that has not exec'd yet keeps what the unpacker wrote through.
            let writer = open(program, O_WRONLY | O_CLOEXEC)
            // By a timer, not a task: the threads of those may all be busy with other tests.
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(30)) { close(writer) }
            try await plugin.start(instance, handle: handle)
            #expect(try await plugin.exit(instance.id) == .code(0))
        }
    }

    @Test func `what the host cannot run is said at validation, field by field`() async throws {
        try await ProcessHost.with { host in
            var spec = try host.instance("").spec
            #expect(try await host.plugin().validate(spec) == [])
            spec.command = ["no-such-program"]
            spec.user = "no-such-user"
            spec.workingDirectory = "../.."
            spec.runtime.config = [
                "logMaxSize": "1", "rlimits": ["nofile": -1], "typo": 1, "capabilities": ["X"],
            ]
            spec.volumes = [
                VolumeSpec(
                    name: PartName(checked: "a"),
                    mountPath: "../x",
                    source: .persistent(retain: false)
                ),
                VolumeSpec(name: PartName(checked: "b"), mountPath: "x", source: .persistent(retain: false)),
                VolumeSpec(
                    name: PartName(checked: "c"),
                    mountPath: "./x",
                    source: .persistent(retain: false)
                ),
            ]
            spec.env = [EnvironmentVariable(name: "LISTEN_PID", source: .value("1"))]
            let fields = Set(try await host.plugin().validate(spec).map(\.field))
            #expect(
                fields == [
                    "spec.command[0]", "spec.user", "spec.workingDirectory", "spec.runtime.config.logMaxSize",
                    "spec.runtime.config.rlimits.nofile", "spec.runtime.config.typo",
                    "spec.runtime.config.capabilities[0]", "spec.volumes[0].mountPath",
                    "spec.volumes[2].mountPath",
                    "spec.env[0].name",
                ]
            )
        }
    }

    @Test(arguments: ["../x", "/x", "a/../../b", "a\u{0}b"])
    func `a path that leads out is not contained`(path: String) { #expect(containedPath(path) == nil) }
}
