public import ERACore

/// One container as runc and crun are told of it: what becomes `config.json` of its bundle.
///
/// Source: OCI runtime specification 1.0.2; defaults as podman 4.3 has them. Holds secrets (its environment):
/// never to be logged, and written only where the workload's owner alone can read.
public struct RuntimeConfiguration: Sendable {
    /// A file system that is mounted into the container.
    public struct Mount: Hashable, Sendable {
        public enum Source: Hashable, Sendable {
            /// What the host has at a path, an absolute one.
            case host(String)
            /// Memory.
            case tmpfs(sizeLimit: ByteCount?, user: UInt32, group: UInt32)
        }

        public var source: Source
        /// Absolute, in the container.
        public var target: String
        public var isReadOnly: Bool

        public init(_ source: Source, at target: String, isReadOnly: Bool = false) {
            self.source = source
            self.target = target
            self.isReadOnly = isReadOnly
        }
    }

    public enum Network: Hashable, Sendable {
        /// The host's.
        case host
        /// A loopback of its own, and nothing else.
        case none
        /// A namespace that is there, by its path; only this container's.
        case joined(String)
    }

    /// A limit of setrlimit(2): `RLIMIT_NOFILE`; nil for none.
    public struct ProcessLimit: Hashable, Sendable {
        public var type: String
        public var value: UInt64?

        public init(type: String, value: UInt64?) {
            self.type = type
            self.value = value
        }
    }

    /// Absolute, or relative to the bundle.
    public var root: String
    public var isRootReadOnly = false
    public var arguments: [String]
    public var environment: [(name: String, value: String)]
    /// Absolute, in the container.
    public var workingDirectory: String
    public var user: ContainerUser
    public var capabilities = ContainerCapabilities()
    public var limits: [ProcessLimit] = []
    public var oomScoreAdjust: Int?
    public var hostname: String
    /// In the order in which they are mounted, after what every container has.
    public var mounts: [Mount] = []
    public var network = Network.host
    /// What is to be limited; what the host cannot limit has to be left out.
    public var resources = ResourceLimits()
    /// Below the root of each hierarchy; empty where it gets no group of its own.
    public var cgroupsPath: String
    /// Whether the host has cgroup v2 alone: the container then sees its own group as the root.
    public var hasOneHierarchy = true
    public var seccomp: JSONValue?
    /// The users that there are; nil where the daemon is root, and those of the host are the container's.
    ///
    /// The engine is started in the user namespace itself, so that it makes none.
    public var mapping: UserMapping?

    public init(
        root: String,
        arguments: [String],
        environment: [(name: String, value: String)],
        workingDirectory: String,
        user: ContainerUser,
        hostname: String,
        cgroupsPath: String
    ) {
        self.root = root
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.hostname = hostname
        self.cgroupsPath = cgroupsPath
    }

    /// Hidden from the container. Source: podman, `pkg/specgen/generate`, BlockAccessToKernelFilesystems.
    public static let maskedPaths = [
        "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/fs/selinux", "/sys/dev/block",
    ]
    /// Only to be read. Source: as ``maskedPaths``.
    public static let readOnlyPaths = [
        "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
    ]
    /// Microseconds in which a share of processor time is counted. Source: cgroup-v2.rst, cpu.max.
    public static let cpuPeriod: Int64 = 100_000
    /// The least share, in microseconds: the kernel takes no less.
    public static let cpuQuotaMinimum: Int64 = 1000

    /// The content of `config.json`.
    public var json: JSONValue {
        [
            "ociVersion": "1.0.2",
            "process": process,
            "root": ["path": .string(root), "readonly": .boolean(isRootReadOnly)],
            "hostname": .string(hostname),
            "mounts": .array(standardMounts + mounts.map(Self.json)),
            "linux": linux,
        ]
    }

    private var process: JSONValue {
        let bounding = Self.texts(ContainerCapabilities.list(capabilities.granted))
        let held = Self.texts(ContainerCapabilities.list(capabilities.held(by: user)))
        // Only what a user who is not root was given on purpose goes on to programs that it starts
        // (CVE-2022-29162: inheritable capabilities for root let others gain them).
        let passed = user.isRoot ? [] : held
        var process: [String: JSONValue] = [
            "terminal": false,
            "user": [
                "uid": .integer(Int64(user.user)), "gid": .integer(Int64(user.group)),
                "additionalGids": .array(user.groups.map { .integer(Int64($0)) }),
            ],
            "args": Self.texts(arguments),
            "env": Self.texts(environment.map { "\($0.name)=\($0.value)" }),
            "cwd": .string(workingDirectory),
            "capabilities": [
                "bounding": bounding, "effective": held, "permitted": held, "inheritable": passed,
                "ambient": passed,
            ],
            "noNewPrivileges": true,
        ]
        if !limits.isEmpty {
            process["rlimits"] = .array(
                limits.map { limit in
                    // No limit is 2⁶⁴-1 to the kernel; half of it is none either, and any reader takes it.
                    let value = JSONValue.integer(Int64(clamping: limit.value ?? .max))
                    return ["type": .string(limit.type), "soft": value, "hard": value]
                }
            )
        }
        if let oomScoreAdjust { process["oomScoreAdj"] = .integer(Int64(oomScoreAdjust)) }
        return .object(process)
    }

    private var linux: JSONValue {
        var namespaces: [JSONValue] = ["pid", "ipc", "uts", "mount"].map { ["type": .string($0)] }
        switch network {
        case .host: break
        case .none: namespaces.append(["type": "network"])
        case .joined(let path): namespaces.append(["type": "network", "path": .string(path)])
        }
        if hasOneHierarchy { namespaces.append(["type": "cgroup"]) }
        var linux: [String: JSONValue] = [
            "namespaces": .array(namespaces),
            "resources": .object(resourceMembers),
            "maskedPaths": Self.texts(Self.maskedPaths),
            "readonlyPaths": Self.texts(Self.readOnlyPaths),
            "rootfsPropagation": "rprivate",
        ]
        if !cgroupsPath.isEmpty { linux["cgroupsPath"] = .string(cgroupsPath) }
        if let seccomp { linux["seccomp"] = seccomp }
        // All ports of a network of its own are the container's, whoever its user is; as Docker has it.
        if case .joined = network { linux["sysctl"] = ["net.ipv4.ip_unprivileged_port_start": "0"] }
        return .object(linux)
    }

    private var resourceMembers: [String: JSONValue] {
        // No device but those that the runtime itself makes: null, zero, full, random, urandom, tty, pts.
        var members: [String: JSONValue] = ["devices": [["allow": false, "access": "rwm"]]]
        if let memory = resources.memory { members["memory"] = ["limit": .integer(memory.bytes)] }
        if let cpu = resources.cpu {
            let quota = max(Self.cpuQuotaMinimum, Int64(cpu.millicores) * (Self.cpuPeriod / 1000))
            members["cpu"] = ["quota": .integer(quota), "period": .integer(Self.cpuPeriod)]
        }
        if let pids = resources.pids { members["pids"] = ["limit": .integer(Int64(pids))] }
        return members
    }

    private var standardMounts: [JSONValue] {
        let quiet = ["nosuid", "noexec", "nodev"]
        let terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
        // The group `tty`, where there is one.
        let hasTerminalGroup = mapping.map { $0.groupCount > 5 } ?? true
        return [
            Self.mount("/proc", "proc", quiet),
            Self.mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            Self.mount("/dev/pts", "devpts", terminals + (hasTerminalGroup ? ["gid=5"] : [])),
            Self.mount("/dev/mqueue", "mqueue", quiet),
            Self.mount("/dev/shm", "tmpfs", quiet + ["mode=1777", "size=65536k"]),
        ] + systemMounts(quiet)
    }

    private func systemMounts(_ quiet: [String]) -> [JSONValue] {
        // Who does not own a network may not mount what shows its devices, but have what is mounted.
        let system =
            mapping != nil && network == .host
            ? Self.mount("/sys", "none", ["rbind"] + quiet + ["ro"], source: "/sys")
            : Self.mount("/sys", "sysfs", quiet + ["ro"])
        // The host's own is hidden where no other can be mounted: this user may have groups there.
        let groups =
            mapping != nil && !hasOneHierarchy
            ? Self.mount("/sys/fs/cgroup", "tmpfs", quiet + ["ro", "size=4k"])
            : Self.mount("/sys/fs/cgroup", "cgroup", quiet + (hasOneHierarchy ? ["ro"] : ["relatime", "ro"]))
        return [system, groups]
    }

    private static func mount(
        _ target: String,
        _ type: String,
        _ options: [String],
        source: String? = nil
    ) -> JSONValue {
        [
            "destination": .string(target), "type": .string(type), "source": .string(source ?? type),
            "options": texts(options),
        ]
    }

    private static func json(_ mount: Mount) -> JSONValue {
        let access = mount.isReadOnly ? "ro" : "rw"
        switch mount.source {
        case .host(let path):
            return [
                "destination": .string(mount.target), "type": "bind", "source": .string(path),
                "options": ["rbind", "rprivate", "nosuid", "nodev", .string(access)],
            ]
        case .tmpfs(let limit, let user, let group):
            var options = ["nosuid", "nodev", access, "mode=755", "uid=\(user)", "gid=\(group)"]
            if let limit { options.append("size=\(limit.bytes)") }
            return [
                "destination": .string(mount.target), "type": "tmpfs", "source": "tmpfs",
                "options": texts(options),
            ]
        }
    }

    private static func texts(_ list: [String]) -> JSONValue { .array(list.map { .string($0) }) }
}
