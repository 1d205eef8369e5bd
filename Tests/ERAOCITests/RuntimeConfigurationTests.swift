import ERACore
import ERAOCI
import Testing

@Suite struct RuntimeConfigurationTests {
    private func configuration(user: ContainerUser = ContainerUser(user: 0, group: 0)) -> RuntimeConfiguration
    {
        RuntimeConfiguration(
            root: "/data/root",
            arguments: ["/bin/app", "--port", "80"],
            environment: [("A", "1"), ("PATH", "/bin")],
            workingDirectory: "/app",
            user: user,
            hostname: "web",
            cgroupsPath: "/era/web.1"
        )
    }

    private static let standard: JSONValue = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE",
        "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
    ]

    @Test func `the process is as manifest and image say it, and gains no privileges`() {
        let process = configuration().json["process"]
        #expect(process?["args"] == ["/bin/app", "--port", "80"])
        #expect(process?["env"] == ["A=1", "PATH=/bin"])
        #expect(process?["cwd"] == "/app")
        #expect(process?["user"] == ["uid": 0, "gid": 0, "additionalGids": []])
        #expect(process?["noNewPrivileges"] == true)
        #expect(process?["terminal"] == false)
        #expect(process?["rlimits"] == nil)
        #expect(configuration().json["root"] == ["path": "/data/root", "readonly": false])
        #expect(configuration().json["hostname"] == "web")
    }

    @Test func `root has podman's capabilities, and hands none down`() {
        #expect(
            configuration().json["process"]?["capabilities"] == [
                "bounding": Self.standard, "effective": Self.standard, "permitted": Self.standard,
                "inheritable": [], "ambient": [],
            ]
        )
    }

    @Test func `another user has only what was added`() {
        var other = configuration(user: ContainerUser(user: 7, group: 8, groups: [9]))
        #expect(other.json["process"]?["user"] == ["uid": 7, "gid": 8, "additionalGids": [9]])
        #expect(other.json["process"]?["capabilities"]?["effective"] == [])
        other.capabilities = ContainerCapabilities(added: ["NET_RAW"], dropped: ["ALL"])
        let all: JSONValue = ["CAP_NET_RAW"]
        #expect(
            other.json["process"]?["capabilities"] == [
                "bounding": all, "effective": all, "permitted": all, "inheritable": all, "ambient": all,
            ]
        )
    }

    @Test func `capabilities are dropped by name`() {
        let some = ContainerCapabilities(added: [], dropped: ["CHOWN", "SETUID"])
        #expect(some.granted == ContainerCapabilities.standard.subtracting(["CHOWN", "SETUID"]))
    }

    @Test func `limits of the process and of its group are said`() {
        var limited = configuration()
        limited.limits = [.init(type: "RLIMIT_NOFILE", value: 1024), .init(type: "RLIMIT_CORE", value: nil)]
        limited.oomScoreAdjust = -5
        limited.resources = ResourceLimits(
            memory: ByteCount(1 << 20),
            cpu: CPUShare(millicores: 1500),
            pids: 64
        )
        #expect(
            limited.json["process"]?["rlimits"] == [
                ["type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024],
                ["type": "RLIMIT_CORE", "soft": .integer(.max), "hard": .integer(.max)],
            ]
        )
        #expect(limited.json["process"]?["oomScoreAdj"] == -5)
        #expect(
            limited.json["linux"]?["resources"] == [
                "devices": [["allow": false, "access": "rwm"]], "memory": ["limit": 1_048_576],
                "cpu": ["quota": 150_000, "period": 100_000], "pids": ["limit": 64],
            ]
        )
        limited.resources = ResourceLimits(cpu: CPUShare(millicores: 1))
        #expect(limited.json["linux"]?["resources"]?["cpu"]?["quota"] == 1000)
        #expect(configuration().json["linux"]?["resources"]?.object?.count == 1)
    }

    @Test func `a container shares the host's network, or has a loopback of its own`() {
        var one = configuration()
        func namespaces() -> [String] {
            (one.json["linux"]?["namespaces"]?.array ?? []).compactMap { $0["type"]?.string }
        }
        #expect(namespaces() == ["pid", "ipc", "uts", "mount", "cgroup"])
        one.network = .none
        one.hasOneHierarchy = false
        #expect(namespaces() == ["pid", "ipc", "uts", "mount", "network"])
        #expect(one.json["linux"]?["sysctl"] == nil)
    }

    @Test func `a network that is there is joined, and all its ports are the container's`() {
        var one = configuration()
        one.network = .joined("/proc/1/fd/3")
        #expect(
            one.json["linux"]?["namespaces"]?.array?.contains(["type": "network", "path": "/proc/1/fd/3"])
                == true
        )
        #expect(one.json["linux"]?["sysctl"] == ["net.ipv4.ip_unprivileged_port_start": "0"])
    }

    @Test func `without root it has what is mounted at /sys, and none of the host's groups`() {
        var one = configuration()
        func mount(_ target: String) -> JSONValue? {
            one.json["mounts"]?.array?.first { $0["destination"] == .string(target) }
        }
        one.cgroupsPath = ""
        one.mapping = UserMapping(user: 1000, group: 1000)
        one.hasOneHierarchy = false
        #expect(one.json["linux"]?["cgroupsPath"] == nil)
        #expect(mount("/sys")?["source"] == "/sys")
        #expect(mount("/sys")?["options"] == ["rbind", "nosuid", "noexec", "nodev", "ro"])
        #expect(mount("/sys/fs/cgroup")?["type"] == "tmpfs")
        #expect(mount("/dev/pts")?["options"]?.array?.contains("gid=5") == false)
        // The engine is in the namespace already.
        let namespaces = one.json["linux"]?["namespaces"]?.array ?? []
        #expect(!namespaces.contains(["type": "user"]))
        one.network = .none
        one.hasOneHierarchy = true
        one.mapping = UserMapping(
            user: 1000,
            group: 1000,
            name: "ann",
            subuid: Array("ann:100000:65536".utf8),
            subgid: Array("ann:100000:65536".utf8)
        )
        #expect(mount("/sys")?["type"] == "sysfs")
        #expect(mount("/sys/fs/cgroup")?["type"] == "cgroup")
        #expect(mount("/dev/pts")?["options"]?.array?.contains("gid=5") == true)
    }

    @Test func `what shows or changes the host is hidden or read-only`() {
        let linux = configuration().json["linux"]
        #expect(linux?["maskedPaths"]?.array?.contains("/proc/kcore") == true)
        #expect(linux?["readonlyPaths"]?.array?.contains("/proc/sys") == true)
        #expect(linux?["cgroupsPath"] == "/era/web.1")
        #expect(linux?["rootfsPropagation"] == "rprivate")
        #expect(linux?["seccomp"] == nil)
        let sys = configuration().json["mounts"]?.array?.first { $0["destination"] == "/sys" }
        #expect(sys?["options"] == ["nosuid", "noexec", "nodev", "ro"])
    }

    @Test func `volumes come after what every container has, without devices and set-uid`() {
        var one = configuration()
        one.isRootReadOnly = true
        one.seccomp = ["defaultAction": "SCMP_ACT_ERRNO"]
        one.mounts = [
            .init(.host("/data/volume"), at: "/app/state"),
            .init(.host("/secret"), at: "/s", isReadOnly: true),
            .init(.tmpfs(sizeLimit: ByteCount(4096), user: 7, group: 8), at: "/tmp"),
        ]
        #expect(one.json["root"]?["readonly"] == true)
        #expect(one.json["linux"]?["seccomp"] == ["defaultAction": "SCMP_ACT_ERRNO"])
        #expect(
            Array((one.json["mounts"]?.array ?? []).suffix(3)) == [
                [
                    "destination": "/app/state", "type": "bind", "source": "/data/volume",
                    "options": ["rbind", "rprivate", "nosuid", "nodev", "rw"],
                ],
                [
                    "destination": "/s", "type": "bind", "source": "/secret",
                    "options": ["rbind", "rprivate", "nosuid", "nodev", "ro"],
                ],
                [
                    "destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
                    "options": ["nosuid", "nodev", "rw", "mode=755", "uid=7", "gid=8", "size=4096"],
                ],
            ]
        )
    }
}
