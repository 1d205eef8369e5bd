internal import ERACore
internal import ERAOCI

/// `spec.runtime.config` of the container plugin.
struct ContainerConfig: Sendable {
    /// The longest name of a host. Source: Linux, HOST_NAME_MAX.
    static let hostnameLimit = 64

    var workload = WorkloadConfig()
    /// Nil for whichever there is.
    var engine: ContainerEngine.Name?
    var network = ContainerNetwork.host
    /// On a bridge: which port of the container one of the manifest leads to, by its name.
    var containerPorts: [String: Int] = [:]
    /// Whether the root file system can only be read.
    var isReadOnly = false
    /// Nil for the host's name, or the deployment's.
    var hostname: String?
    var capabilities = ContainerCapabilities()
    /// Whether system calls are filtered.
    var filtersCalls = true

    /// Reads the fields; `problems` says what is wrong with the others.
    static func parse(_ value: JSONValue) -> (config: ContainerConfig, problems: [WorkloadConfig.Problem]) {
        var config = ContainerConfig()
        let problems = configProblems(value, of: .container) { name, value in config.take(name, value) }
        return (config, problems)
    }

    private mutating func take(_ name: String, _ value: JSONValue) -> WorkloadConfig.Taken {
        switch name {
        case "engine":
            guard let text = value.string, let engine = ContainerEngine.Name(rawValue: text) else {
                return .wrong((name, "is neither \"runc\" nor \"crun\""))
            }
            self.engine = engine
        case "network":
            guard let text = value.string, let network = ContainerNetwork(rawValue: text) else {
                return .wrong((name, "is neither \"host\", \"none\" nor \"bridge\""))
            }
            self.network = network
        case "containerPorts": return takeContainerPorts(value)
        case "readOnly":
            guard let flag = value.boolean else { return .wrong((name, "is neither true nor false")) }
            isReadOnly = flag
        case "hostname":
            guard let text = value.string, Self.isHostname(text) else {
                return .wrong((name, "is no name of a host: letters, digits, - and ., at most 64"))
            }
            hostname = text
        case "seccomp":
            switch value.string {
            case "default": filtersCalls = true
            case "unconfined": filtersCalls = false
            default: return .wrong((name, "is neither \"default\" nor \"unconfined\""))
            }
        case "capabilities": return takeCapabilities(value)
        default: return workload.take(name, value)
        }
        return .fine
    }

    private mutating func takeCapabilities(_ value: JSONValue) -> WorkloadConfig.Taken {
        guard let lists = value.object else { return .wrong(("capabilities", "is not an object")) }
        for (name, list) in lists.sorted(by: { $0.key < $1.key }) {
            let field = "capabilities.\(name)"
            guard name == "add" || name == "drop" else {
                return .wrong((field, "is not a field; there are add and drop"))
            }
            guard let texts = list.array else { return .wrong((field, "is not a list")) }
            for (index, text) in texts.enumerated() {
                guard let text = text.string,
                    ContainerCapabilities.all.contains(text) || name == "drop" && text == "ALL"
                else {
                    return .wrong(("\(field)[\(index)]", "is not the name of a capability, such as NET_RAW"))
                }
                if name == "add" {
                    capabilities.added.insert(text)
                } else {
                    capabilities.dropped.insert(text)
                }
            }
        }
        return .fine
    }

    private static func isHostname(_ text: String) -> Bool {
        (1...hostnameLimit).contains(text.utf8.count)
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && !part.hasPrefix("-") && !part.hasSuffix("-")
                    && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
            }
    }

    /// The JSON Schema of the fields.
    static let schema: JSONValue = {
        let names: JSONValue = [
            "type": "array",
            "items": ["type": "string", "enum": .array(ContainerCapabilities.all.map { .string($0) })],
        ]
        let dropped: JSONValue = [
            "type": "array",
            "items": [
                "type": "string", "enum": .array((["ALL"] + ContainerCapabilities.all).map { .string($0) }),
            ],
        ]
        return WorkloadConfig.schema(with: [
            "engine": [
                "type": "string", "enum": ["runc", "crun"],
                "description": "The program that runs the container; runc if it is there, else crun.",
            ],
            "network": [
                "type": "string", "enum": ["host", "none", "bridge"], "default": "host",
                "description":
                    "The host's network, none but a loopback of its own, or a bridge with mapped ports.",
            ],
            "containerPorts": [
                "type": "object",
                "additionalProperties": ["type": "integer", "minimum": 1, "maximum": 65535],
                "description":
                    "On a bridge: the container's port for a port of the manifest, by its name; else the same.",
            ],
            "readOnly": [
                "type": "boolean", "default": false,
                "description": "Whether the root file system can only be read; volumes have their own modes.",
            ],
            "hostname": [
                "type": "string", "maxLength": 64,
                "description":
                    "What the container calls itself; the host's name, with a network of its own the deployment's.",
            ],
            "seccomp": [
                "type": "string", "enum": ["default", "unconfined"], "default": "default",
                "description":
                    "Whether system calls are filtered, by podman's profile where the host has it.",
            ],
            "capabilities": [
                "type": "object", "additionalProperties": false,
                "properties": ["add": names, "drop": dropped],
                "description": "Linux capabilities beside podman's default set, and without some of it.",
            ],
        ])
    }()
}
