public import ERAContracts
internal import ERACore
public import Logging
internal import ERALinux
internal import Glibc
internal import Synchronization

/// A runtime plugin that is an executable of somebody else, started anew for each verb: docs/plugins.md.
///
/// A class, because all calls share its places, its log's allowance and the watches on its workloads.
public final class ExternalPlugin: RuntimePlugin {
    /// What the plugin needs to know of its surroundings.
    public struct Options: Sendable {
        /// Absolute; instances are below `instances/`.
        public var dataDirectory: String
        /// The PATH of the executable.
        public var searchPath: [String]
        public var unpacker: any ArtifactUnpacker
        public var timeouts: PluginTimeouts
        public var logger: Logger
        /// Told an instance whose status may have changed.
        var changed: @Sendable (InstanceID) -> Void = { _ in }

        public init(
            dataDirectory: String,
            searchPath: [String],
            unpacker: any ArtifactUnpacker,
            timeouts: PluginTimeouts = PluginTimeouts(),
            logger: Logger
        ) {
            self.dataDirectory = dataDirectory
            self.searchPath = searchPath
            self.unpacker = unpacker
            self.timeouts = timeouts
            self.logger = logger
        }
    }

    /// Calls of `status`, `describe`, `validate` and `probe` at a time.
    static let questionLimit = 8
    /// Other calls at a time.
    static let effectLimit = 16
    /// Logs that are read at a time.
    static let logLimit = 16

    public let description: PluginDescription
    let file: PluginFile
    let options: Options
    let schema: ConfigSchema
    let form: PluginAnswer.ArtifactForm
    let questions = Gate(limit: ExternalPlugin.questionLimit)
    let effects = Gate(limit: ExternalPlugin.effectLimit)
    let openLogs = Mutex(0)
    let talk: PluginTalk
    let watches: WorkloadWatches
    let logQueue = BlockingQueue(label: "era.plugin.logs")

    /// Checks the executable and asks it to describe itself.
    ///
    /// - Parameter path: Of an `era-plugin-NAME`.
    /// - Throws: ``Failure``: it must not or cannot be run, or answers what makes no sense.
    public convenience init(path: String, _ options: Options) async throws {
        let slash = path.lastIndex(of: "/")
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        let file: PluginFile
        do throws(PluginRefusal) {
            file = try PluginFile(name, in: directory)
        } catch {
            throw Failure.permanent(.pluginMissing, "\(name) \(error)")
        }
        try await self.init(file: file, options)
    }

    /// - Throws: As ``init(path:_:)``.
    init(file: PluginFile, _ options: Options) async throws {
        let talk = PluginTalk(plugin: file.name, logger: options.logger)
        let caller = PluginCaller(file: file, options: options, talk: talk)
        let answer = try await caller.call(.describe, timeout: options.timeouts.describe)
        (description, schema, form) = try caller.read { bytes throws(Garbage) in
            try PluginAnswer.description(bytes, of: file.name)
        }(answer)
        self.file = file
        self.options = options
        self.talk = talk
        watches = WorkloadWatches(changed: options.changed)
    }

    var caller: PluginCaller { PluginCaller(file: file, options: options, talk: talk) }

    /// The instance's own directory for this plugin.
    func directory(_ id: InstanceID) -> String { "\(instanceDirectory(id))/\(directoryName)" }

    var directoryName: String { "plugin-\(file.name)" }

    func instanceDirectory(_ id: InstanceID) -> String { "\(options.dataDirectory)/instances/\(id)" }
}

/// How long each verb may take; docs/plugins.md names the defaults.
public struct PluginTimeouts: Sendable {
    public var describe = Duration.seconds(5)
    public var validate = Duration.seconds(20)
    /// Without a sign of life.
    public var install = Duration.seconds(540)
    public var start = Duration.seconds(25)
    public var status = Duration.seconds(10)
    /// Beyond the grace.
    public var stop = Duration.seconds(25)
    public var delete = Duration.seconds(240)
    public var probe = Duration.seconds(10)
    /// Without `follow`.
    public var logs = Duration.seconds(60)

    public init() {}
}
