internal import ERACore
internal import Glibc

/// `spec.runtime.config` of the process plugin.
struct ProcessConfig: Hashable, Sendable {
    /// A resource that setrlimit(2) limits, by the name that systemd and the shell's `ulimit` know it by.
    static let resources: [(name: String, number: Int32)] = [
        ("as", 9), ("core", 4), ("cpu", 0), ("data", 2), ("fsize", 1), ("memlock", 8), ("nofile", 7),
        ("nproc", 6), ("stack", 3),
    ]
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
    static let logMaxSizeRange = ByteCount(4 << 10)...ByteCount(1 << 30)
    static let logMaxFilesRange: ClosedRange<Int64> = 1...100
    static let oomScoreRange: ClosedRange<Int64> = -1000...1000

    var logMaxSize = ByteCount(10 << 20)
    var logMaxFiles = 5
    var limits: [ShimLaunch.ResourceLimit] = []
    var oomScoreAdjust: Int?
    /// A bit for each.
    var capabilities: UInt64 = 0

    /// Reads the fields; `problems` says what is wrong with the others.
    static func parse(_ value: JSONValue) -> (
        config: ProcessConfig, problems: [(field: String, message: String)]
    ) {
        var config = ProcessConfig()
        var problems: [(field: String, message: String)] = []
        guard let members = value.object else { return (config, [("", "is not an object")]) }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            if let problem = config.take(name, value) { problems.append(problem) }
        }
        return (config, problems)
    }

    private mutating func take(_ name: String, _ value: JSONValue) -> (field: String, message: String)? {
        switch name {
        case "logMaxSize":
            // A text that is no size is what the next line reports.
            let size = value.integer.map { ByteCount($0) } ?? value.string.flatMap { try? ByteCount($0) }
            guard let size, Self.logMaxSizeRange.contains(size) else {
                return (
                    name,
                    "is not a size from 4Ki to 1Gi"
                )
            }
            logMaxSize = size
        case "logMaxFiles":
            guard let count = value.integer, Self.logMaxFilesRange.contains(count) else {
                return (name, "is not a number from 1 to 100")
            }
            logMaxFiles = Int(count)
        case "oomScoreAdjust":
            guard let score = value.integer, Self.oomScoreRange.contains(score) else {
                return (name, "is not a number from -1000 to 1000")
            }
            oomScoreAdjust = Int(score)
        case "capabilities": return takeCapabilities(value)
        case "rlimits": return takeLimits(value)
        default: return (name, "is not a field of the process plugin's config")
        }
        return nil
    }

    private mutating func takeCapabilities(_ value: JSONValue) -> (field: String, message: String)? {
        guard let names = value.array else { return ("capabilities", "is not a list") }
        for (index, name) in names.enumerated() {
            guard let text = name.string, let number = Self.capabilityNames.firstIndex(of: text) else {
                return ("capabilities[\(index)]", "is not the name of a capability, such as NET_BIND_SERVICE")
            }
            capabilities |= 1 << UInt64(number)
        }
        return nil
    }

    private mutating func takeLimits(_ value: JSONValue) -> (field: String, message: String)? {
        guard let members = value.object else { return ("rlimits", "is not an object") }
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            guard let resource = Self.resources.first(where: { $0.name == name }) else {
                let known = Self.resources.map(\.name).joined(separator: ", ")
                return ("rlimits.\(name)", "is not a limit; there are \(known)")
            }
            if value.string == "unlimited" {
                limits.append(.init(resource: resource.number, soft: nil, hard: nil))
            } else if let number = value.integer, number >= 0 {
                limits.append(.init(resource: resource.number, soft: UInt64(number), hard: UInt64(number)))
            } else {
                return ("rlimits.\(name)", "is neither a number nor \"unlimited\"")
            }
        }
        return nil
    }

    /// The JSON Schema of the fields.
    static let schema: JSONValue = [
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "properties": [
            "logMaxSize": [
                "type": ["string", "integer"],
                "default": "10Mi",
                "description": "Size at which the log file is rotated, from 4Ki to 1Gi.",
            ],
            "logMaxFiles": [
                "type": "integer",
                "minimum": 1,
                "maximum": 100,
                "default": 5,
                "description": "How many log files are kept, the current one included.",
            ],
            "rlimits": [
                "type": "object",
                "additionalProperties": false,
                "description": "Limits of setrlimit(2), soft and hard: a number or \"unlimited\".",
                "properties": .object(
                    Dictionary(
                        resources.map { ($0.name, ["type": ["integer", "string"], "minimum": 0]) },
                        uniquingKeysWith: { first, _ in first }
                    )
                ),
            ],
            "oomScoreAdjust": [
                "type": "integer",
                "minimum": -1000,
                "maximum": 1000,
                "description": "Advice to the kernel whom to end when memory runs out: 1000 this one first.",
            ],
            "capabilities": [
                "type": "array",
                "items": ["type": "string", "enum": .array(capabilityNames.map { .string($0) })],
                "default": [],
                "description": "Linux capabilities that the workload keeps; none unless they are named.",
            ],
        ],
    ]
}
