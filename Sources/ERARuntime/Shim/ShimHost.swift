public import ERAContracts
internal import ERACore
public import Logging

/// What the plugins whose workloads run below shims share: one client of the shims, one set of cgroups.
///
/// Made once, and given to each of these plugins. Two of them would be two connections to each shim.
public struct ShimHost: Sendable {
    /// What it needs to know of its surroundings.
    public struct Options: Sendable {
        /// Absolute; instances are below `instances/`.
        public var dataDirectory: String
        /// Absolute; control sockets are below `shims/`.
        public var runDirectory: String
        /// The `era-shim` executable.
        public var shimPath: String
        /// Where commands without a slash are looked for; also the PATH of workloads.
        public var searchPath: [String]
        /// Names the boot: the content of `/proc/sys/kernel/random/boot_id`.
        public var bootID: String
        public var unpacker: any ArtifactUnpacker
        /// For waits; tests that do not wait for real give another.
        public var clock: any Clock<Duration>
        public var logger: Logger
        /// Whether to put workloads into cgroups of their own where the host allows.
        public var usesControlGroups: Bool

        public init(
            dataDirectory: String,
            runDirectory: String,
            shimPath: String,
            searchPath: [String],
            bootID: String,
            unpacker: any ArtifactUnpacker,
            clock: any Clock<Duration> = ContinuousClock(),
            logger: Logger,
            usesControlGroups: Bool = true
        ) {
            self.dataDirectory = dataDirectory
            self.runDirectory = runDirectory
            self.shimPath = shimPath
            self.searchPath = searchPath
            self.bootID = bootID
            self.unpacker = unpacker
            self.clock = clock
            self.logger = logger
            self.usesControlGroups = usesControlGroups
        }
    }

    let options: Options
    let shims: ShimClient

    /// Starts nothing. Makes the parent cgroup of all workloads where the host allows.
    public init(_ options: Options) {
        self.options = options
        let membership = readSmallFile("/proc/self/cgroup", limit: 65_536) ?? []
        let groups =
            options.usesControlGroups
            ? ControlGroups(membership: String(decoding: membership, as: UTF8.self)) : nil
        shims = ShimClient(
            ShimClient.Options(
                dataDirectory: options.dataDirectory,
                runDirectory: options.runDirectory,
                shimPath: options.shimPath,
                bootID: options.bootID,
                groups: groups,
                clock: options.clock,
                logger: options.logger
            )
        )
    }

    /// The instances of one plugin.
    func workloads(of plugin: PluginName) -> ShimWorkloads { ShimWorkloads(host: self, plugin: plugin) }

    /// What a plugin stands on, for `era plugins describe`.
    var details: [String: String] {
        [
            "shim": options.shimPath,
            "cgroup": shims.options.groups?.root ?? "none: no writable cgroup v2 hierarchy",
        ]
    }

    /// For messages, which are shown in many places: the search path, cut short.
    var searchPathText: String {
        let shown = options.searchPath.prefix(2).joined(separator: ":")
        let count = options.searchPath.count
        return count > 2 ? "\(shown):… (\(count) directories, the PATH of era daemon)" : shown
    }
}
