import ERAContracts
import ERACore
import ERAOCI
import Glibc
import Testing

@testable import ERARuntime

/// What is refused before anything is fetched.
@Suite struct ContainerConfigTests {
    @Test func `every field is taken`() {
        let (config, problems) = ContainerConfig.parse([
            "engine": "crun", "network": "none", "readOnly": true, "hostname": "a.b-c",
            "seccomp": "unconfined",
            "capabilities": ["add": ["NET_RAW"], "drop": ["ALL"]], "rlimits": ["nofile": 64],
            "logMaxFiles": 2,
        ])
        #expect(problems.isEmpty)
        #expect(config.engine == .crun)
        #expect(config.network == .none)
        #expect(config.isReadOnly)
        #expect(config.hostname == "a.b-c")
        #expect(!config.filtersCalls)
        #expect(config.capabilities.granted == ["NET_RAW"])
        #expect(config.workload.limits == [.init(resource: 7, soft: 64, hard: 64)])
        #expect(config.workload.logMaxFiles == 2)
    }

    @Test(
        arguments: [
            ("engine", "docker"), ("engine", 1), ("network", "slirp"), ("containerPorts", 80),
            ("readOnly", "yes"),
            ("hostname", "-a"), ("hostname", "a..b"), ("hostname", ""), ("hostname", "a b"),
            ("seccomp", true),
            ("seccomp", "/etc/x.json"), ("capabilities", []), ("privileged", true), ("rlimits", 1),
        ] as [(String, JSONValue)]
    )
    func `a field that is none, or has no such value, is named`(_ row: (String, JSONValue)) {
        let problems = ContainerConfig.parse(.object([row.0: row.1])).problems
        #expect(problems.map(\.field) == [row.0])
    }

    @Test(
        arguments: [
            (["add": ["CAP_NET_RAW"]], "capabilities.add[0]"), (["add": ["ALL"]], "capabilities.add[0]"),
            (["drop": ["KILL", "X"]], "capabilities.drop[1]"), (["grant": []], "capabilities.grant"),
            (["add": "KILL"], "capabilities.add"),
        ] as [(JSONValue, String)]
    )
    func `a capability that is none is named`(_ row: (JSONValue, String)) {
        #expect(ContainerConfig.parse(.object(["capabilities": row.0])).problems.map(\.field) == [row.1])
    }

    @Test func `the host's controllers decide which limits are set, and the others are told`() {
        let groups = ContainerGroups(mountPoint: "/nonexistent", groups: nil)
        #expect(groups.layout == .many(hasUnified: false))
        let limits = ResourceLimits(memory: ByteCount(1), cpu: CPUShare(millicores: 1), pids: 1)
        let (applicable, restrictions) = groups.applicable(limits)
        #expect(applicable.isEmpty)
        #expect(restrictions.count == 3)
        #expect(restrictions.allSatisfy { $0.contains("not enforced") })
    }

    @Test(arguments: ["/a:b", "/a,b", "/a\\b", "/a\"b"])
    func `a path that an overlay would misread makes none`(_ path: String) {
        #expect(RootStore.options(lower: path, upper: "/u", work: "/w") == nil)
        #expect(RootStore.options(lower: "/l", upper: path, work: "/w") == nil)
        #expect(
            RootStore.options(lower: "/l", upper: "/u", work: "/w") == "lowerdir=/l,upperdir=/u,workdir=/w"
        )
    }

    // MARK: On this host

    private func problems(
        _ config: JSONValue = .object([:]),
        searchPath: [String] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"],
        change: (inout DeploymentSpec) -> Void = { _ in }
    ) async throws -> [String] {
        var found: [SpecProblem] = []
        try await ContainerHost.with { containers in
            var spec = try containers.instance("", config: config).spec
            change(&spec)
            found = try await containers.plugin(searchPath: searchPath).validate(spec)
        }
        return found.map { "\($0.field): \($0.message)" }
    }

    @Test func `a host without an engine is told what to install`() async throws {
        let found = try await problems(searchPath: ["/nonexistent"])
        #expect(
            found.contains { $0.hasPrefix("spec.runtime.plugin: ") && $0.contains("apt-get install runc") }
        )
    }

    @Test(.enabled(if: ContainerHost.isPossible, "needs root, runc and busybox-static"))
    func `an engine that is too old, or says nothing, is refused`() async throws {
        try await ContainerHost.with { containers in
            for (answer, message) in [("runc version 1.0.0", "older than runc 1.1.0"), ("hello", "version")] {
                let directory = containers.host.root + "/old"
                makeDirectories(directory)
                write("#!/bin/sh\necho \(answer)\n", to: directory + "/runc")
                chmod(directory + "/runc", 0o755)
                let spec = try containers.instance("", config: ["engine": "runc"]).spec
                let found = try await containers.plugin(searchPath: [directory, "/bin"]).validate(spec)
                #expect(found.contains { $0.message.contains(message) }, "\(found)")
            }
        }
    }

    @Test(.enabled(if: ContainerHost.isPossible, "needs root, runc and busybox-static"))
    func `a spec that can run has no problem, and each that cannot has its own`() async throws {
        #expect(try await problems() == [])
        func volume(_ path: String) -> VolumeSpec {
            VolumeSpec(name: PartName(checked: "v"), mountPath: path, source: .tmpfs(sizeLimit: nil))
        }
        for path in ["../x", "/a/../b", ".", "/", "/proc", "/dev/"] {
            #expect(try await problems { $0.volumes = [volume(path)] }.count == 1, "\(path)")
        }
        #expect(try await problems { $0.volumes = [volume("/a"), volume("/a/")] }.count == 1)
        #expect(try await problems { $0.user = "a:b:c" }.first?.hasPrefix("spec.user") == true)
        let port = PortSpec(name: PartName(checked: "http"), port: 80)
        #expect(
            try await problems(["network": "none"]) { $0.ports = [port] }.first?.hasPrefix("spec.ports[0]")
                == true
        )
        #expect(try await problems { $0.ports = [port] } == [])
        let passed = PortSpec(name: PartName(checked: "http"), port: 80, passSocket: true)
        #expect(try await problems(["network": "none"]) { $0.ports = [passed] } == [])
        let file = try ArtifactSpec(source: ArtifactLocation("https://example.org/a.tar"))
        #expect(try await problems { $0.artifact = file }.first?.hasPrefix("spec.artifact.source") == true)
        let own = EnvironmentVariable(name: "ERA_INSTANCE", source: .value("x"))
        #expect(try await problems { $0.env = [own] }.first?.hasPrefix("spec.env[0].name") == true)
    }

    @Test(.enabled(if: ContainerHost.isPossible, "needs root, runc and busybox-static"))
    func `what is no image, and an image for another machine, are refused`() async throws {
        try await ContainerHost.with { containers in
            var instance = try containers.instance("")
            instance.artifact?.content = .file
            let file = await #expect(throws: Failure.self) {
                _ = try await containers.plugin().install(instance)
            }
            #expect(file?.code == .unsupported)
            instance.artifact = try containers.artifact("", architecture: "s390x")
            let foreign = await #expect(throws: Failure.self) {
                _ = try await containers.plugin().install(instance)
            }
            #expect(foreign?.message.contains("linux/s390x") == true)
            #expect(foreign?.persistence == .permanent)
        }
    }
}
