import ERACore
public import ERAContracts
public import Logging

/// Everything that the engine acts through.
public struct EngineSeams: Sendable {
    public var store: any RecordStore
    public var plugins: [any RuntimePlugin]
    /// Plugins that come and go; nil where there are none.
    public var catalog: (any PluginCatalog)?
    public var workspace: any Workspace
    public var fetcher: any ArtifactFetcher
    public var prober: any HealthProber
    public var sources: [any ManifestSource]
    public var clock: any EngineClock
    /// Names the boot that uptimes are meant in.
    public var bootID: String
    /// Draws a number from 0 ..< 1.
    public var random: @Sendable () -> Double
    /// Makes an identifier for a new deployment, unique for ever.
    public var makeUID: @Sendable () -> String
    /// Called at named points, so that tests can end the process there.
    public var failpoint: @Sendable (String) -> Void
    public var logger: Logger

    public init(
        store: any RecordStore,
        plugins: [any RuntimePlugin],
        catalog: (any PluginCatalog)? = nil,
        workspace: any Workspace,
        fetcher: any ArtifactFetcher,
        prober: any HealthProber,
        sources: [any ManifestSource],
        clock: any EngineClock,
        bootID: String,
        random: @escaping @Sendable () -> Double,
        makeUID: @escaping @Sendable () -> String,
        failpoint: @escaping @Sendable (String) -> Void = { _ in },
        logger: Logger
    ) {
        self.store = store
        self.plugins = plugins
        self.catalog = catalog
        self.workspace = workspace
        self.fetcher = fetcher
        self.prober = prober
        self.sources = sources
        self.clock = clock
        self.bootID = bootID
        self.random = random
        self.makeUID = makeUID
        self.failpoint = failpoint
        self.logger = logger
    }
}
