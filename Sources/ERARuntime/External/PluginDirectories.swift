public import ERAContracts
public import ERACore
internal import Glibc
internal import Logging
internal import Synchronization

/// The plugins of others: what lies in the plugin directories, as it is now.
///
/// Looked at every two seconds: a few system calls, and nothing is missed on any file system.
///
/// A class, because who asks and who looks share what was found.
public final class PluginDirectories: PluginCatalog {
    /// From one look to the next.
    static let period = Duration.seconds(2)
    /// Before what could not be used, and has not changed, is asked again.
    static let retryPeriod = Duration.seconds(30)
    /// Changes that wait for who reads them; beyond it the oldest are dropped.
    static let backlogLimit = 1024
    /// Names in one directory that are looked at; the rest is as if it were not there.
    static let fileLimit = 256

    /// What a name stands for, by the last look.
    private enum Entry {
        case usable(ExternalPlugin, PluginFile)
        /// - Parameter file: Nil where the file itself was refused.
        case unusable(RefusedPlugin, PluginFile?, at: ContinuousClock.Instant)

        /// What of it is news when it changes.
        var gist: Gist {
            switch self {
            case .usable(_, let file): Gist(file: file, refused: nil)
            case .unusable(let plugin, let file, _): Gist(file: file, refused: plugin)
            }
        }

        struct Gist: Hashable {
            let file: PluginFile?
            let refused: RefusedPlugin?
        }
    }

    private struct State {
        var entries: [PluginName: Entry] = [:]
        var reader: AsyncStream<PluginCatalogChange>.Continuation?
    }

    private let directories: [String]
    private let builtIn: Set<PluginName>
    private let options: ExternalPlugin.Options
    private let clock: any Clock<Duration>
    private let state = Mutex(State())

    /// - Parameter directories: Absolute; the first that has a name wins. One that is not there has none.
    /// - Parameter builtIn: Names that are taken.
    public init(
        _ directories: [String],
        builtIn: Set<PluginName>,
        _ options: ExternalPlugin.Options,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.directories = directories
        self.builtIn = builtIn
        self.options = options
        self.clock = clock
    }

    public func plugins() -> [any RuntimePlugin] {
        let entries = state.withLock(\.entries)
        return entries.keys.sorted().compactMap { name in
            if case .usable(let plugin, _) = entries[name] { plugin } else { nil }
        }
    }

    public func refused() -> [RefusedPlugin] {
        let entries = state.withLock(\.entries)
        return entries.keys.sorted().compactMap { name in
            if case .unusable(let plugin, _, _) = entries[name] { plugin } else { nil }
        }
    }

    public func find(_ name: PluginName) -> PluginFinding {
        switch state.withLock({ $0.entries[name] }) {
        case .usable(let plugin, _): return .usable(plugin)
        case .unusable(let plugin, _, _):
            return .unusable("cannot be used: \(PluginFile.prefix)\(name) \(plugin.reason)")
        case nil:
            let places = directories.joined(separator: " or ")
            let known = (builtIn + plugins().map(\.description.name)).sorted().map(\.description)
            return .unusable(
                "is not there; put \(PluginFile.prefix)\(name) into \(places); there are: "
                    + known.joined(separator: ", ")
            )
        }
    }

    public func changes() -> AsyncStream<PluginCatalogChange> {
        let (stream, continuation) = AsyncStream<PluginCatalogChange>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.backlogLimit)
        )
        state.withLock { $0.reader = continuation }
        return stream
    }

    public func run() async {
        while true {
            do {
                try await clock.sleep(for: Self.period)
            } catch {
                return
            }
            await refresh()
        }
    }

    public func refresh() async {
        let before = state.withLock(\.entries)
        let found = search()
        let now = ContinuousClock.now
        var entries: [PluginName: Entry] = [:]
        await withTaskGroup(of: (PluginName, Entry).self) { group in
            for (name, result) in found {
                switch (result, before[name]) {
                case (.success(let file), .usable(_, let known)?) where known == file:
                    entries[name] = before[name]
                case (.success(let file), .unusable(_, let known, let at)?)
                where known == file && now - at < Self.retryPeriod:
                    entries[name] = before[name]
                case (.success(let file), _): group.addTask { (name, await self.load(file)) }
                case (.failure(let refused), _): entries[name] = .unusable(refused.plugin, nil, at: now)
                }
            }
            for await (name, entry) in group { entries[name] = entry }
        }
        // A look that was cut off has found nothing out.
        guard !Task.isCancelled else { return }
        let reader = state.withLock { state in
            state.entries = entries
            return state.reader
        }
        if tell(before, entries) { reader?.yield(.plugins) }
    }

    /// The executables by name, the first directory first.
    private func search() -> [PluginName: Result<PluginFile, RefusedFile>] {
        var found: [PluginName: Result<PluginFile, RefusedFile>] = [:]
        for directory in directories {
            let names = namesInDirectory(directory, prefix: PluginFile.prefix).sorted()
            for fileName in names.prefix(Self.fileLimit) {
                // What no deployment can name is none of ours: an editor's copy, say.
                guard let name = PluginName(rawValue: String(fileName.dropFirst(PluginFile.prefix.count))),
                    found[name] == nil
                else { continue }
                found[name] = Result { () throws(RefusedFile) in
                    try look(at: fileName, in: directory, as: name)
                }
            }
        }
        return found
    }

    private func look(
        at fileName: String,
        in directory: String,
        as name: PluginName
    ) throws(RefusedFile) -> PluginFile {
        do throws(PluginRefusal) {
            let file = try PluginFile(fileName, in: directory)
            guard builtIn.contains(name) else { return file }
            throw PluginRefusal("has the name of a built-in plugin; rename it")
        } catch {
            let path = "\(directory)/\(fileName)"
            throw RefusedFile(plugin: RefusedPlugin(name: name, path: path, reason: error.description))
        }
    }

    private func load(_ file: PluginFile) async -> Entry {
        var options = options
        options.changed = { [weak self] id in
            _ = self?.state.withLock { $0.reader?.yield(.instance(id)) }
        }
        do {
            return .usable(try await ExternalPlugin(file: file, options), file)
        } catch {
            let reason = "cannot describe itself: \((error as? Failure)?.message ?? "\(error)")"
            let refused = RefusedPlugin(name: file.name, path: file.path, reason: reason)
            return .unusable(refused, file, at: .now)
        }
    }

    /// Logs what has become another.
    ///
    /// - Returns: Whether something has.
    private func tell(_ before: [PluginName: Entry], _ after: [PluginName: Entry]) -> Bool {
        var isNews = false
        for name in Set(before.keys).union(after.keys).sorted() where before[name]?.gist != after[name]?.gist
        {
            isNews = true
            var metadata: Logger.Metadata = ["plugin": "\(name)"]
            switch after[name] {
            case .usable(let plugin, let file):
                metadata["version"] = "\(plugin.description.version)"
                metadata["path"] = "\(file.path)"
                options.logger.notice("plugin found", metadata: metadata)
            case .unusable(let plugin, _, _):
                metadata["error"] = "\(PluginFile.prefix)\(name) \(plugin.reason)"
                metadata["path"] = "\(plugin.path)"
                options.logger.warning("plugin cannot be used", metadata: metadata)
            case nil:
                options.logger.warning("plugin gone; what it runs is left as it is", metadata: metadata)
            }
        }
        return isNews
    }
}

/// An executable that is not even asked to describe itself.
private struct RefusedFile: Error {
    let plugin: RefusedPlugin
}
