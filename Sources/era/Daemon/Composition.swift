import CLinux
import ERAArtifact
import ERAContracts
import ERACore
import ERAEngine
import ERAHealth
import ERARuntime
import ERAServer
import ERASource
import ERAStore
import Glibc
import Logging

/// The one place that knows which adapter stands behind which contract.
struct Composition: Sendable {
    /// The runtime plugins that this program has.
    static let pluginNames: [PluginName] = [.process, .container, WasmPlugin.name]

    /// How often the store of artifacts is looked at where its space is limited.
    private static let spaceInterval = Duration.seconds(60)

    let engine: Engine
    let logger: Logger
    private let store: SQLiteRecordStore
    private let fetcher: StoreFetcher
    private let prober: NetworkProber

    /// Makes the directories, takes the lock on the data, and puts an engine together.
    ///
    /// - Parameter hasSources: False for none at all: then only the API declares.
    /// - Throws: ``CommandFailure``: another process has the data directory (exit code 3), it cannot be
    ///   made, …
    init(
        _ options: EngineOptionsGroup,
        hasSources: Bool = true,
        engineOptions: EngineOptions,
        logger: Logger,
        environment: Environment
    ) throws {
        umask(0o077)
        var engineOptions = engineOptions
        if options.artifactSpace != nil { engineOptions.collectionInterval = Self.spaceInterval }
        try Self.refuse(besideDaemonIn: Self.absolute(options.runDir))
        let trust = options.trust.files.source
        try Self.require(trust)
        let data = try Self.directory(options.places.dataDir)
        let run = try Self.directory(options.runDir)
        let host = try HostFacts(environment)
        let failpoints = Failpoints(environment)
        store = try Self.openStore(data)
        let workspace = LocalWorkspace(
            data: data,
            secrets: Self.absolute(options.places.secretsDir),
            namespaces: UserNamespaces(shimPath: host.shimPath, searchPath: host.searchPath)
        )
        fetcher = StoreFetcher(
            store: ContentStore(
                directory: "\(data)/artifacts",
                now: { SystemClock().now() },
                spaceLimit: options.artifactSpace
            ),
            options: FetchOptions(options, environment, searchPath: host.searchPath),
            credentials: SecretCredentials(workspace: workspace).credentials,
            trust: trust
        )
        prober = NetworkProber()
        let shimHost = ShimHost(
            ShimHost.Options(
                dataDirectory: data,
                runDirectory: run,
                shimPath: host.shimPath,
                searchPath: host.searchPath,
                bootID: host.bootID,
                unpacker: ArchiveUnpacker(),
                logger: logger
            )
        )
        self.logger = logger
        engine = Engine(
            seams: EngineSeams(
                store: store,
                plugins: Self.builtInPlugins(shimHost),
                catalog: PluginDirectories(
                    options.pluginDirectories,
                    builtIn: Set(Self.pluginNames),
                    Self.externalOptions(data: data, host, logger)
                ),
                workspace: workspace,
                fetcher: fetcher,
                prober: prober,
                sources: hasSources ? try Self.sources(options, data: data, host) : [],
                clock: SystemClock(),
                bootID: host.bootID,
                random: { Double.random(in: 0..<1) },
                makeUID: Self.makeUID,
                failpoint: failpoints.reached,
                logger: logger
            ),
            options: engineOptions
        )
    }

    /// The directory of manifests, and the repositories, each once.
    private static func sources(
        _ options: EngineOptionsGroup,
        data: String,
        _ host: HostFacts
    ) throws -> [any ManifestSource] {
        var sources: [any ManifestSource] = options.manifests.map { [DirectorySource(path: $0)] } ?? []
        for address in options.source where !sources.contains(where: { $0.id.rawValue == "\(address)" }) {
            guard address.scheme != .http || options.allowHttp else {
                throw CommandFailure(
                    "\(address) is reached without TLS; use git+https, or allow it: --allow-http",
                    .wrongUsage
                )
            }
            sources.append(
                GitSource(address, directory: "\(data)/sources", searchPath: host.searchPath)
            )
        }
        return sources
    }

    /// The plugins of ``pluginNames``.
    static func builtInPlugins(_ host: ShimHost) -> [any RuntimePlugin] {
        let containers = ContainerPlugin(
            host,
            unpacker: ImageUnpacker(),
            unpackProgram: [HostFacts.executablePath(), UnpackRequest.verb],
            namespaces: UserNamespaces(host)
        )
        return [ProcessPlugin(host), containers, WasmPlugin(host)]
    }

    /// What plugins of others need to know.
    static func externalOptions(data: String, _ host: HostFacts, _ logger: Logger) -> ExternalPlugin.Options {
        ExternalPlugin.Options(
            dataDirectory: data,
            searchPath: host.searchPath,
            unpacker: ArchiveUnpacker(),
            logger: logger
        )
    }

    /// Closes what the engine used. The engine must have ended.
    func close() async {
        do {
            try await prober.shutdown()
        } catch {
            logger.warning("prober not closed", metadata: ["error": "\(error)"])
        }
        await fetcher.shutdown()
        await store.close()
    }

    /// Before anything is made: a second daemon leaves no trace of itself.
    private static func refuse(besideDaemonIn run: String) throws {
        do {
            try requireUnanswered(socketPath: Defaults.socketPath(runDirectory: run))
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Later it may become unreadable, and then nothing is fetched; to begin like that helps nobody.
    private static func require(_ trust: TrustSource) throws {
        do { _ = try trust.keys() } catch let failure as Failure {
            throw CommandFailure(failure.message)
        }
    }

    private static func openStore(_ data: String) throws -> SQLiteRecordStore {
        do {
            return try SQLiteRecordStore.open(dataDirectory: data)
        } catch {
            switch error {
            case .locked:
                throw CommandFailure("\(error); ask it with era get, or stop it first", .notReachable)
            case .newerSchema, .unwritable, .broken: throw CommandFailure("\(error)")
            }
        }
    }

    /// The absolute path of a directory, made with mode 0700 where it is missing.
    static func directory(_ path: String) throws -> String {
        let path = absolute(path)
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            guard mkdir(made, 0o700) != 0, errno != EEXIST else { continue }
            // A parent that may not be written but is there, is no error.
            if access(made, F_OK) == 0 { continue }
            throw CommandFailure("cannot make the directory \(made): \(String(cString: strerror(errno)))")
        }
        return path
    }

    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/") else { return path }
        guard let working = getcwd(nil, 0) else { return path }
        defer { free(working) }
        return String(cString: working) + "/" + path
    }

    /// A version 4 UUID (RFC 9562, section 5.4).
    private static func makeUID() -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return [hex[0..<4], hex[4..<6], hex[6..<8], hex[8..<10], hex[10..<16]]
            .map { $0.joined() }.joined(separator: "-")
    }
}

extension CommandFailure {
    /// A daemon that runs already is not reached from here; anything else is a failure.
    init(_ fault: SocketFault) {
        switch fault {
        case .inUse: self.init("\(fault)", .notReachable)
        case .tooLong, .unsafeDirectory, .occupied, .failed: self.init("\(fault)")
        }
    }
}
