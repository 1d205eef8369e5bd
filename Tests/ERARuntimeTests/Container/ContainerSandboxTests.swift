import ERAContracts
import ERACore
import Glibc
import Testing

@testable import ERARuntime

/// What a container sees, and what it does not.
@Suite(
    .enabled(if: ContainerHost.isPossible, "needs root, runc and busybox-static"),
    .timeLimit(.minutes(5))
)
struct ContainerSandboxTests {
    @Test func `environment, directory, user and host name are those of manifest and image`() async throws {
        try await ContainerHost.with { containers in
            let script = """
                echo $A $B $C $ERA_NAME $HOME $PWD; busybox id -u; busybox id -G; busybox hostname
                busybox grep -c . /etc/resolv.conf /etc/hosts | busybox grep -q hosts:0 || echo hosts
                """
            var instance = try containers.instance(
                script,
                image: #""Env":["A=image","B=image"],"WorkingDir":"/data","User":"web""#,
                config: ["hostname": "inside"]
            )
            instance.environment = [("B", SecretText("manifest")), ("C", SecretText("s3cret"))]
            #expect(
                try await containers.says(instance)
                    == "image manifest s3cret app /data /data\n101\n102 4\ninside\nhosts\n"
            )
        }
    }

    @Test func `the manifest's user goes before the image's, and one that is not there is refused`()
        async throws
    {
        try await ContainerHost.with { containers in
            let own = try containers.instance("busybox id -u; busybox id -g", image: #""User":"web""#) {
                $0.user = "1234:log"
            }
            #expect(try await containers.says(own) == "1234\n4\n")
            let missing = try containers.instance("", name: "missing") { $0.user = "daemon" }
            let failure = await #expect(throws: Failure.self) {
                _ = try await containers.plugin().install(missing)
            }
            #expect(failure?.code == .userMissing)
        }
    }

    @Test func `the image is shared and only read from, and each start begins with it`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let script =
                "busybox cat /data/x /etc/passwd 2>/dev/null | busybox wc -l; echo 1 > /data/x; busybox rm /etc/passwd"
            let first = try containers.instance(script)
            #expect(try await containers.says(first).hasSuffix("2\n"))
            let second = try containers.instance(script, name: "second")
            #expect(try await containers.says(second).hasSuffix("2\n"))
            try await plugin.start(first, handle: InstanceHandle(version: 1, payload: .object([:])))
            try await eventually("it ran again") {
                try await plugin.output(first.id).split(separator: "\n").count { $0 == "2" } == 2
            }
            // One for both, until neither is there.
            let roots = containers.host.dataDirectory + "/rootfs"
            #expect(try Folder(root: roots).names().count == 1)
            try await eventually("it ended") { try await plugin.status(first.id).exit != nil }
            try await plugin.delete(first.id)
            #expect(try Folder(root: roots).names().count == 1)
            try await plugin.delete(second.id)
            #expect(try Folder(root: roots).names().isEmpty)
        }
    }

    @Test func `without overlays each run has a copy of its own`() async throws {
        try await ContainerHost.with { containers in
            // The options of an overlay give a comma a meaning.
            var host = containers
            host = ContainerHost(host: ProcessHost(root: containers.host.root + "/a,b"))
            makeDirectories(host.host.dataDirectory + "/artifacts/blobs/sha256")
            let instance = try host.instance(
                "echo 1 > /data/x && busybox cat /data/x; busybox stat -c %a /tmp"
            )
            #expect(try await host.says(instance) == "1\n1777\n")
            #expect(access("\(instance.directory)/container/root/data/x", F_OK) == 0)
            try await host.plugin().delete(instance.id)
        }
    }

    @Test func `a read-only root takes nothing, and a volume in it does`() async throws {
        try await ContainerHost.with { containers in
            let volume = containers.host.root + "/volume"
            makeDirectories(volume)
            var instance = try containers.instance(
                "(echo 1 > /data/x) 2>/dev/null || echo refused; echo 1 > /data/v/x && echo taken; busybox id -u; busybox stat -c %u /data/v",
                config: ["readOnly": true]
            ) { spec in
                spec.user = "web"
                spec.workingDirectory = "/data"
                spec.volumes = [
                    VolumeSpec(
                        name: PartName(checked: "v"),
                        mountPath: "v",
                        source: .persistent(retain: false)
                    )
                ]
            }
            instance.volumes = [
                .init(name: PartName(checked: "v"), hostPath: volume, mountPath: "v", isReadOnly: false)
            ]
            let said = try await containers.says(instance)
            #expect(said.hasSuffix("refused\ntaken\n101\n101\n"), "\(said)")
        }
    }

    @Test func `a container has neither the host's processes, nor devices, nor new privileges`() async throws
    {
        try await ContainerHost.with { containers in
            let script = """
                echo $$; busybox mknod /dev/sda b 8 0 2>/dev/null || echo no device
                busybox mount -t tmpfs x /tmp 2>/dev/null || echo no mount
                busybox grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | busybox tr -d '\\t '
                echo x > /proc/sys/kernel/hostname 2>/dev/null || echo no sysctl
                """
            let said = try await containers.says(try containers.instance(script, config: ["network": "none"]))
            #expect(
                said.split(separator: "\n").filter { !$0.contains("can't") } == [
                    "1", "no device", "no mount", "NoNewPrivs:1", "Seccomp:2", "no sysctl",
                ]
            )
        }
    }

    @Test func `without network there is a loopback and nothing else`() async throws {
        try await ContainerHost.with { containers in
            let script =
                "busybox ls /sys/class/net; busybox cat /sys/class/net/lo/operstate >/dev/null && busybox ping -c 1 127.0.0.1 >/dev/null; echo $?"
            let alone = try containers.instance(script, config: ["network": "none"])
            #expect(try await containers.says(alone).hasPrefix("lo\n"))
        }
    }

    @Test func `limits hold where the host has the controllers, and else are said not to`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            let instance = try containers.instance("exec busybox sleep 1000") { spec in
                spec.resources = ResourceLimits(memory: ByteCount(32 << 20), pids: 16)
            }
            try await containers.run(instance, plugin)
            let status = try await plugin.status(instance.id)
            let missing = Set(["memory", "pids"]).subtracting(plugin.groups.controllers)
            #expect(status.restrictions.count == missing.count)
            guard plugin.groups.controllers.contains("pids") else { return }
            let name = plugin.workloads.place(instance.id).name
            let hierarchy = plugin.groups.layout == .unified ? "" : "/pids"
            let group = "/sys/fs/cgroup\(hierarchy)\(plugin.groups.prefix)/\(name)"
            #expect(text(of: group + "/pids.max") == "16\n")
        }
    }

    @Test func `secrets are in no argument list, and in no file that others read`() async throws {
        try await ContainerHost.with { containers in
            let plugin = containers.plugin()
            var instance = try containers.instance("exec busybox sleep 1000")
            instance.environment = [("TOKEN", SecretText("canary-4711"))]
            try await containers.run(instance, plugin)
            let pid = try #require(try await plugin.status(instance.id).pid)
            let shim = try #require(containers.host.record(instance)?.shim.pid)
            for process in [pid, shim] { #expect(!text(of: "/proc/\(process)/cmdline").contains("canary")) }
            #expect(!text(of: "/proc/\(shim)/environ").contains("canary"))
            var status = stat()
            #expect(stat(instance.directory + "/container/bundle/config.json", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            let state = plugin.place(instance.id).statePath
            for name in try Folder(root: state).names() where !name.hasSuffix("fifo") {
                #expect(!text(of: "\(state)/\(name)").contains("canary"), "\(name)")
            }
        }
    }
}
