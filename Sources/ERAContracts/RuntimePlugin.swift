public import ERACore

/// Runs instances of one kind: native processes, WASM modules, containers, anything.
///
/// Every verb is idempotent per instance, may be cancelled, and is called for one instance at a time. A verb
/// that throws a ``Failure`` says itself whether trying again can help; any other error counts as transient.
public protocol RuntimePlugin: Sendable {
    /// Name, version and what the plugin can do; constant for the life of the plugin.
    var description: PluginDescription { get }

    /// Checks what the schema cannot: whether this host can run the spec. Changes nothing.
    ///
    /// - Returns: What is wrong, as field path below `spec` and message; empty when the spec is acceptable.
    func validate(_ spec: DeploymentSpec) async throws -> [SpecProblem]

    /// Makes beforehand what ``install(_:progress:)`` would make and what disturbs nobody: the update of what
    /// serves takes so much less time. Called or not, once or often; `install` makes what is missing, and
    /// ``delete(_:)`` removes it.
    ///
    /// - Parameter progress: As for `install`.
    func stage(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws

    /// Makes what the runtime needs to start the instance (unpacks, bundles, compiles) in its directory.
    ///
    /// - Parameter progress: Told how far it has come, where that takes long.
    /// - Returns: A handle that the store keeps and every later verb gets back.
    func install(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws -> InstanceHandle

    /// Starts the instance; returns once its supervisor has it. A running instance is left alone.
    ///
    /// The instance survives the caller. It must not start twice: whoever starts it again after a
    /// crash of ERA finds the one that runs.
    func start(_ instance: PreparedInstance, handle: InstanceHandle) async throws

    /// What there is of the instance. Never changes anything.
    ///
    /// - Throws: Only when the state cannot be told; `absent` is a value.
    func status(_ id: InstanceID) async throws -> InstanceStatus

    /// Ends the instance and everything it started: signal, grace, kill, wait until nothing is left.
    ///
    /// Succeeds when nothing runs. A caller that cancels leaves the stop under way; stopping again joins it.
    /// - Throws: ``Failure`` with code `StopStuck` when processes outlive the kill.
    func stop(_ id: InstanceID, _ stop: StopSpec) async throws

    /// Lets go of what a stop keeps for the deployment's next instance: listening sockets. Called before an
    /// instance of another plugin starts that is given none and may open them itself.
    func release(_ key: DeploymentKey) async

    /// Removes what `install` made. Succeeds when nothing is left. The instance must be stopped.
    ///
    /// The instance's output stays readable where it is kept in ``PreparedInstance/directory``, which is
    /// removed later: people ask why a version failed after it was removed.
    func delete(_ id: InstanceID) async throws

    /// The surroundings of an exec probe: what the instance's own processes have. Changes nothing.
    ///
    /// - Throws: ``Failure`` `Unsupported` where the capability `execProbe` is not declared.
    func probeEnvironment(_ instance: PreparedInstance) async throws -> ProbeEnvironment

    /// Instances of this plugin that exist on this machine, for adoption when the store was lost.
    func instances() async throws -> [InstanceID]

    /// Yields an instance whenever its status may have changed (it exited, say); a hint, never data.
    func changes() -> AsyncStream<InstanceID>

    /// The instance's output.
    ///
    /// - Returns: Chunks of whole lines as they were written; with `follow`, until the consumer stops.
    func logs(_ id: InstanceID, _ request: LogRequest) -> AsyncThrowingStream<[UInt8], any Error>
}

extension RuntimePlugin {
    /// Leaves everything to `install`.
    public func stage(
        _ instance: PreparedInstance,
        progress: @escaping @Sendable (StepProgress) -> Void
    ) async throws {}

    /// There is nothing that a stop keeps.
    public func release(_ key: DeploymentKey) async {}

    /// Installs for somebody who does not show how far it has come.
    public func install(_ instance: PreparedInstance) async throws -> InstanceHandle {
        try await install(instance) { _ in }
    }
}

/// What a plugin says about itself.
public struct PluginDescription: Equatable, Sendable {
    /// What a plugin may be able to do. What it does not declare is refused at Validating, never faked.
    public enum Capability: String, Hashable, Sendable, CaseIterable {
        /// Runs something that the host has, without an artifact.
        case withoutArtifact
        /// Hands over listening sockets (`passSocket`).
        case passSocket
        case resourceLimits
        case user
        case volumes
        case logs
        case execProbe
        /// Two revisions may run side by side.
        case blueGreen
    }

    public var name: PluginName
    public var version: SemanticVersion
    public var capabilities: Set<Capability>
    /// A JSON Schema (2020-12) for `spec.runtime.config`.
    public var configSchema: JSONValue
    /// What it stands on, for `era plugins describe`: engine and version, cgroup mode, …
    public var details: [String: String]

    public init(
        name: PluginName,
        version: SemanticVersion,
        capabilities: Set<Capability>,
        configSchema: JSONValue,
        details: [String: String] = [:]
    ) {
        self.name = name
        self.version = version
        self.capabilities = capabilities
        self.configSchema = configSchema
        self.details = details
    }
}

/// One thing that is wrong with a spec.
public struct SpecProblem: Hashable, Sendable {
    /// Below the document: `spec.command[0]`.
    public var field: String
    public var message: String

    public init(field: String, message: String) {
        self.field = field
        self.message = message
    }
}

/// An instance with everything in place that does not depend on the runtime.
public struct PreparedInstance: Equatable, Sendable {
    /// A volume with its files in place.
    public struct Volume: Equatable, Sendable {
        public var name: PartName
        /// Where the files are on the host; for `tmpfs` the directory to mount over.
        public var hostPath: String
        /// As in the manifest: relative to the working directory, or absolute.
        public var mountPath: String
        public var isReadOnly: Bool
        /// Non-nil asks for a memory-backed file system; the size limit may be absent.
        public var tmpfs: Tmpfs?

        public struct Tmpfs: Equatable, Sendable {
            public var sizeLimit: ByteCount?
            public init(sizeLimit: ByteCount?) { self.sizeLimit = sizeLimit }
        }

        public init(
            name: PartName,
            hostPath: String,
            mountPath: String,
            isReadOnly: Bool,
            tmpfs: Tmpfs? = nil
        ) {
            self.name = name
            self.hostPath = hostPath
            self.mountPath = mountPath
            self.isReadOnly = isReadOnly
            self.tmpfs = tmpfs
        }
    }

    public var id: InstanceID
    public var spec: DeploymentSpec
    /// `<data>/instances/NS/NAME/REV`, made, mode 0700.
    public var directory: String
    /// The verified content in the content store; nil without an artifact.
    public var artifact: StoredArtifact?
    /// Name and value, secrets resolved. Never to be logged.
    public var environment: [(name: String, value: SecretText)]
    public var volumes: [Volume]

    public init(
        id: InstanceID,
        spec: DeploymentSpec,
        directory: String,
        artifact: StoredArtifact? = nil,
        environment: [(name: String, value: SecretText)] = [],
        volumes: [Volume] = []
    ) {
        self.id = id
        self.spec = spec
        self.directory = directory
        self.artifact = artifact
        self.environment = environment
        self.volumes = volumes
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.id == right.id && left.spec == right.spec && left.directory == right.directory
            && left.artifact == right.artifact
            && left.environment.elementsEqual(right.environment, by: ==) && left.volumes == right.volumes
    }
}

/// A text that must not reach logs, the database, the API or an argument list; it prints itself as `***`.
public struct SecretText: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The text itself; each use is a place to review.
    public let revealed: String
    public init(_ revealed: String) { self.revealed = revealed }
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Which part of an instance's output is wanted.
public struct LogRequest: Hashable, Sendable {
    /// The last lines to begin with; nil for everything that is kept.
    public var tailLines: Int?
    public var follow: Bool
    /// The time of each line (RFC 3339 with nanoseconds) before it.
    public var timestamps: Bool

    public init(tailLines: Int? = nil, follow: Bool = false, timestamps: Bool = false) {
        self.tailLines = tailLines
        self.follow = follow
        self.timestamps = timestamps
    }
}
