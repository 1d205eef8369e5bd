internal import ERACore

/// `spec.runtime.config` of the process plugin.
struct ProcessConfig: Hashable, Sendable {
    /// Linux capabilities by number, without `CAP_`. Source: linux/capability.h.
    static let capabilityNames = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK",
        "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT",
        "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
        "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    var workload = WorkloadConfig()
    /// A bit for each.
    var capabilities: UInt64 = 0

    /// Reads the fields; `problems` says what is wrong with the others.
    static func parse(_ value: JSONValue) -> (config: ProcessConfig, problems: [WorkloadConfig.Problem]) {
        var config = ProcessConfig()
        let problems = configProblems(value, of: .process) { name, value in
            name == "capabilities" ? config.takeCapabilities(value) : config.workload.take(name, value)
        }
        return (config, problems)
    }

    private mutating func takeCapabilities(_ value: JSONValue) -> WorkloadConfig.Taken {
        guard let names = value.array else { return .wrong(("capabilities", "is not a list")) }
        for (index, name) in names.enumerated() {
            guard let text = name.string, let number = Self.capabilityNames.firstIndex(of: text) else {
                let message = "is not the name of a capability, such as NET_BIND_SERVICE"
                return .wrong(("capabilities[\(index)]", message))
            }
            capabilities |= 1 << UInt64(number)
        }
        return .fine
    }

    /// The JSON Schema of the fields.
    static let schema = WorkloadConfig.schema(with: [
        "capabilities": [
            "type": "array",
            "items": ["type": "string", "enum": .array(capabilityNames.map { .string($0) })],
            "default": [],
            "description": "Linux capabilities that the workload keeps; none unless they are named.",
        ]
    ])
}
