/// A deployment as a manifest declares it, with defaults filled in.
///
/// Values of this type are well formed in each field; what concerns several fields at once (a probe's
/// port name, say) has been checked by whoever read the manifest.
public struct Deployment: Hashable, Sendable, Codable {
    public var metadata: Metadata
    public var spec: DeploymentSpec

    public init(metadata: Metadata, spec: DeploymentSpec) {
        self.metadata = metadata
        self.spec = spec
    }

    public var key: DeploymentKey { DeploymentKey(namespace: metadata.namespace, name: metadata.name) }
}

/// The name of a deployment and what users attach to it.
public struct Metadata: Hashable, Sendable, Codable {
    public var name: DeploymentName
    public var namespace: NamespaceName
    public var labels: [String: String]
    public var annotations: [String: String]

    public init(
        name: DeploymentName,
        namespace: NamespaceName = .default,
        labels: [String: String] = [:],
        annotations: [String: String] = [:]
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.annotations = annotations
    }
}

/// Everything below `spec`.
public struct DeploymentSpec: Hashable, Sendable, Codable {
    public var version: SemanticVersion
    /// Leave the deployment exactly as it is.
    public var suspend: Bool
    public var dependsOn: [Dependency]
    public var runtime: RuntimeSpec
    public var artifact: ArtifactSpec?
    public var command: [String]
    public var args: [String]
    /// Relative to the unpacked artifact, or absolute.
    public var workingDirectory: String
    public var env: [EnvironmentVariable]
    public var ports: [PortSpec]
    public var volumes: [VolumeSpec]
    public var resources: ResourceLimits
    /// The user that the workload runs as, by name or number; nil for ERA's own.
    public var user: String?
    public var health: HealthSpec
    public var restart: RestartSpec
    public var retry: RetrySpec
    public var update: UpdateSpec
    public var rollback: RollbackSpec
    public var stop: StopSpec
    /// How many superseded revisions are kept for `era rollback --to`.
    public var revisionHistoryLimit: Int

    public init(
        version: SemanticVersion,
        suspend: Bool = false,
        dependsOn: [Dependency] = [],
        runtime: RuntimeSpec,
        artifact: ArtifactSpec? = nil,
        command: [String] = [],
        args: [String] = [],
        workingDirectory: String = ".",
        env: [EnvironmentVariable] = [],
        ports: [PortSpec] = [],
        volumes: [VolumeSpec] = [],
        resources: ResourceLimits = ResourceLimits(),
        user: String? = nil,
        health: HealthSpec = HealthSpec(),
        restart: RestartSpec = RestartSpec(),
        retry: RetrySpec = RetrySpec(),
        update: UpdateSpec = UpdateSpec(),
        rollback: RollbackSpec = RollbackSpec(),
        stop: StopSpec = StopSpec(),
        revisionHistoryLimit: Int = 10
    ) {
        self.version = version
        self.suspend = suspend
        self.dependsOn = dependsOn
        self.runtime = runtime
        self.artifact = artifact
        self.command = command
        self.args = args
        self.workingDirectory = workingDirectory
        self.env = env
        self.ports = ports
        self.volumes = volumes
        self.resources = resources
        self.user = user
        self.health = health
        self.restart = restart
        self.retry = retry
        self.update = update
        self.rollback = rollback
        self.stop = stop
        self.revisionHistoryLimit = revisionHistoryLimit
    }

    /// This spec with every field at its default that says *how* ERA handles the deployment, not *what* runs.
    ///
    /// Two specs with equal templates share a revision: changing a back-off or `suspend` restarts nothing,
    /// as changing `replicas` of a Kubernetes Deployment starts no rollout.
    public var template: DeploymentSpec {
        var template = self
        template.suspend = false
        template.dependsOn = []
        template.restart = RestartSpec()
        template.retry = RetrySpec()
        template.update = UpdateSpec()
        template.rollback = RollbackSpec()
        template.stop = StopSpec()
        template.revisionHistoryLimit = 10
        return template
    }
}

/// A deployment that must be Available before this one starts.
public struct Dependency: Hashable, Sendable, Codable {
    public var name: DeploymentName
    /// Nil for the namespace of the deployment that depends.
    public var namespace: NamespaceName?

    public init(name: DeploymentName, namespace: NamespaceName? = nil) {
        self.name = name
        self.namespace = namespace
    }
}

/// Which plugin runs the deployment, and the plugin's own fields.
public struct RuntimeSpec: Hashable, Sendable, Codable {
    public var plugin: PluginName
    public var pluginVersion: VersionRequirement?
    /// An object; its fields are the plugin's, checked against its JSON Schema.
    public var config: JSONValue

    public init(
        plugin: PluginName,
        pluginVersion: VersionRequirement? = nil,
        config: JSONValue = .object([:])
    ) {
        self.plugin = plugin
        self.pluginVersion = pluginVersion
        self.config = config
    }
}

/// Where the deployment's files come from and how they are verified.
public struct ArtifactSpec: Hashable, Sendable, Codable {
    public enum Format: String, Hashable, Sendable, Codable, CaseIterable {
        case auto, raw, tar, zip
    }

    public var source: ArtifactLocation
    /// Mandatory for sources that are fetched over a network.
    public var digest: Digest?
    public var format: Format
    public var signature: SignatureSpec?
    /// The secret that holds the credentials for the source.
    public var pullSecret: PartName?

    public init(
        source: ArtifactLocation,
        digest: Digest? = nil,
        format: Format = .auto,
        signature: SignatureSpec? = nil,
        pullSecret: PartName? = nil
    ) {
        self.source = source
        self.digest = digest
        self.format = format
        self.signature = signature
        self.pullSecret = pullSecret
    }
}

/// An absolute URL of one of the schemes that artifacts come by.
public struct ArtifactLocation: Hashable, Sendable, Codable, CustomStringConvertible {
    public enum Scheme: String, Hashable, Sendable, CaseIterable {
        case https, http, file, oci
    }

    public let scheme: Scheme
    /// The whole URL as it was written.
    public let url: String

    /// - Throws: ``InvalidValue`` for another scheme, an empty host or path, white space, control characters,
    ///   or a user name in the URL (credentials belong into a secret).
    public init(_ text: some StringProtocol) throws(InvalidValue) {
        let invalid = InvalidValue(
            String(text),
            expected: "a URL of the form https://…, http://…, file:///… or oci://…"
        )
        guard let scheme = Scheme.allCases.first(where: { text.hasPrefix($0.rawValue + "://") }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw invalid }
        let rest = text.dropFirst(scheme.rawValue.count + 3)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        switch scheme {
        case .file:
            guard authority.isEmpty, rest.utf8.count > 1 else { throw invalid }
        case .https, .http, .oci:
            guard let first = authority.first, first != ":" else { throw invalid }
            guard scheme == .oci || !authority.contains("@") else {
                throw InvalidValue(
                    String(text),
                    expected: "a URL without user name and password; name a secret in pullSecret"
                )
            }
        }
        self.scheme = scheme
        url = String(text)
    }

    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }
    public func encode(to encoder: any Encoder) throws { try url.encode(to: encoder) }

    public var description: String { url }

    /// Whether the manifest must say the content's digest: it crosses a network, and there is no
    /// registry that resolves a tag to one.
    public var needsDigest: Bool {
        switch scheme {
        case .https, .http: true
        case .file, .oci: false
        }
    }
}

/// One variable of the workload's environment.
public struct EnvironmentVariable: Hashable, Sendable, Codable {
    public enum Source: Hashable, Sendable, Codable {
        case value(String)
        case secret(name: PartName, key: String)
    }

    public var name: String
    public var source: Source

    public init(name: String, source: Source) {
        self.name = name
        self.source = source
    }
}

/// A port that the workload listens on.
public struct PortSpec: Hashable, Sendable, Codable {
    public enum TransportProtocol: String, Hashable, Sendable, Codable, CaseIterable {
        case tcp = "TCP"
        case udp = "UDP"
    }

    public var name: PartName
    /// 1 to 65535.
    public var port: Int
    /// The address to listen on: an IPv4 or IPv6 address.
    public var host: String
    public var transport: TransportProtocol
    /// Hand the listening socket to the workload (LISTEN_FDS), and keep it open across restarts and updates.
    public var passSocket: Bool

    public init(
        name: PartName,
        port: Int,
        host: String = "127.0.0.1",
        transport: TransportProtocol = .tcp,
        passSocket: Bool = false
    ) {
        self.name = name
        self.port = port
        self.host = host
        self.transport = transport
        self.passSocket = passSocket
    }
}

/// Files that the workload finds at a path.
public struct VolumeSpec: Hashable, Sendable, Codable {
    public enum Source: Hashable, Sendable, Codable {
        /// A directory that outlives revisions; removed with the deployment unless `retain`.
        case persistent(retain: Bool)
        case hostPath(path: String, readOnly: Bool)
        /// Memory-backed and empty at each start.
        case tmpfs(sizeLimit: ByteCount?)
        /// One file per key of the secret, mode 0400.
        case secret(name: PartName)
    }

    public var name: PartName
    /// Relative to the working directory, or absolute.
    public var mountPath: String
    public var source: Source

    public init(name: PartName, mountPath: String, source: Source) {
        self.name = name
        self.mountPath = mountPath
        self.source = source
    }
}

/// Upper bounds on what the workload may use; nil where none is set.
public struct ResourceLimits: Hashable, Sendable, Codable {
    public var memory: ByteCount?
    public var cpu: CPUShare?
    public var pids: Int?

    public init(memory: ByteCount? = nil, cpu: CPUShare? = nil, pids: Int? = nil) {
        self.memory = memory
        self.cpu = cpu
        self.pids = pids
    }

    public var isEmpty: Bool { memory == nil && cpu == nil && pids == nil }
}

/// When the deployment counts as started, alive and ready.
public struct HealthSpec: Hashable, Sendable, Codable {
    public var startup: ProbeSpec?
    public var liveness: ProbeSpec?
    public var readiness: ProbeSpec?
    /// How long a new instance must be healthy before it counts as Running.
    public var minReadySeconds: Int

    public init(
        startup: ProbeSpec? = nil,
        liveness: ProbeSpec? = nil,
        readiness: ProbeSpec? = nil,
        minReadySeconds: Int = 0
    ) {
        self.startup = startup
        self.liveness = liveness
        self.readiness = readiness
        self.minReadySeconds = minReadySeconds
    }

    public subscript(_ kind: ProbeKind) -> ProbeSpec? {
        switch kind {
        case .startup: startup
        case .liveness: liveness
        case .readiness: readiness
        }
    }
}

/// What a probe decides: that the program is up, must be restarted, or may be used.
public enum ProbeKind: String, Hashable, Sendable, Codable, CaseIterable {
    case startup, liveness, readiness
}

/// One probe; fields, defaults and meaning are those of Kubernetes' `core/v1.Probe`.
public struct ProbeSpec: Hashable, Sendable, Codable {
    public enum Handler: Hashable, Sendable, Codable {
        case httpGet(HTTPGet)
        case tcpSocket(host: String?, port: PortReference)
        case exec(command: [String])
    }

    public struct HTTPGet: Hashable, Sendable, Codable {
        public enum Scheme: String, Hashable, Sendable, Codable, CaseIterable {
            case http = "HTTP"
            case https = "HTTPS"
        }

        public var path: String
        public var port: PortReference
        public var host: String?
        public var scheme: Scheme
        public var headers: [HTTPHeader]

        public init(
            path: String = "/",
            port: PortReference,
            host: String? = nil,
            scheme: Scheme = .http,
            headers: [HTTPHeader] = []
        ) {
            self.path = path
            self.port = port
            self.host = host
            self.scheme = scheme
            self.headers = headers
        }
    }

    public struct HTTPHeader: Hashable, Sendable, Codable {
        public var name: String
        public var value: String

        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    public var handler: Handler
    public var initialDelaySeconds: Int
    public var periodSeconds: Int
    public var timeoutSeconds: Int
    public var successThreshold: Int
    public var failureThreshold: Int

    public init(
        handler: Handler,
        initialDelaySeconds: Int = 0,
        periodSeconds: Int = 10,
        timeoutSeconds: Int = 1,
        successThreshold: Int = 1,
        failureThreshold: Int = 3
    ) {
        self.handler = handler
        self.initialDelaySeconds = initialDelaySeconds
        self.periodSeconds = periodSeconds
        self.timeoutSeconds = timeoutSeconds
        self.successThreshold = successThreshold
        self.failureThreshold = failureThreshold
    }
}

/// A port by number, or by the name of one of the deployment's `ports`.
public enum PortReference: Hashable, Sendable, Codable {
    case number(Int)
    case name(PartName)
}

/// What happens when the workload exits.
public struct RestartSpec: Hashable, Sendable, Codable {
    public enum Policy: String, Hashable, Sendable, Codable, CaseIterable {
        case always = "Always"
        case onFailure = "OnFailure"
        case never = "Never"
    }

    public var policy: Policy
    public var initialDelay: Duration
    public var maxDelay: Duration
    /// After this long without a crash the delay starts again at nothing.
    public var resetAfter: Duration

    public init(
        policy: Policy = .always,
        initialDelay: Duration = .seconds(1),
        maxDelay: Duration = .seconds(300),
        resetAfter: Duration = .seconds(600)
    ) {
        self.policy = policy
        self.initialDelay = initialDelay
        self.maxDelay = maxDelay
        self.resetAfter = resetAfter
    }
}

/// How often and how soon a step is tried again after a transient error.
public struct RetrySpec: Hashable, Sendable, Codable {
    /// Retries after the first attempt; 0 for none.
    public var limit: Int
    public var initialDelay: Duration
    public var factor: Double
    public var maxDelay: Duration

    public init(
        limit: Int = 5,
        initialDelay: Duration = .seconds(1),
        factor: Double = 2,
        maxDelay: Duration = .seconds(300)
    ) {
        self.limit = limit
        self.initialDelay = initialDelay
        self.factor = factor
        self.maxDelay = maxDelay
    }
}

/// How one revision replaces another.
public struct UpdateSpec: Hashable, Sendable, Codable {
    public enum Strategy: String, Hashable, Sendable, Codable, CaseIterable {
        case recreate = "Recreate"
        case blueGreen = "BlueGreen"
    }

    public var strategy: Strategy
    /// The longest time without progress before a rollout counts as failed.
    public var progressDeadline: Duration
    /// How long a new version is watched after it became Running: a crash or lost health then rolls it back.
    public var bakeSeconds: Int

    public init(
        strategy: Strategy = .recreate,
        progressDeadline: Duration = .seconds(600),
        bakeSeconds: Int = 10
    ) {
        self.strategy = strategy
        self.progressDeadline = progressDeadline
        self.bakeSeconds = bakeSeconds
    }
}

/// Whether a failed update restores the revision that worked.
public struct RollbackSpec: Hashable, Sendable, Codable {
    public var enabled: Bool

    public init(enabled: Bool = true) { self.enabled = enabled }
}

/// How the workload is asked to stop.
public struct StopSpec: Hashable, Sendable, Codable {
    public enum Signal: String, Hashable, Sendable, Codable, CaseIterable {
        case term = "TERM"
        case int = "INT"
        case quit = "QUIT"
        case hup = "HUP"
        case usr1 = "USR1"
        case usr2 = "USR2"
        case kill = "KILL"
    }

    public var signal: Signal
    /// From the signal to the kill.
    public var grace: Duration

    public init(signal: Signal = .term, grace: Duration = .seconds(10)) {
        self.signal = signal
        self.grace = grace
    }
}
