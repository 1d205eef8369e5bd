import ERAContracts
import ERACore
import Synchronization

/// Lists the one plugin while it is there; a class, since the test and each engine share it.
final class PluginShelf: PluginCatalog {
    private struct State {
        var plugin: (any RuntimePlugin)?
        var isThere: Bool
        var reader: AsyncStream<PluginCatalogChange>.Continuation?
    }

    private let state: Mutex<State>

    init(isThere: Bool = true) { state = Mutex(State(isThere: isThere)) }

    /// The shelf with this plugin on it.
    func offering(_ plugin: any RuntimePlugin) -> any PluginCatalog {
        state.withLock { $0.plugin = plugin }
        return self
    }

    func put(isThere: Bool) {
        state.withLock { state in
            state.isThere = isThere
            state.reader?.yield(.plugins)
        }
    }

    func plugins() -> [any RuntimePlugin] {
        state.withLock { $0.isThere ? [$0.plugin].compactMap(\.self) : [] }
    }

    func refused() -> [RefusedPlugin] {
        guard plugins().isEmpty, let name = state.withLock({ $0.plugin?.description.name }) else { return [] }
        return [RefusedPlugin(name: name, path: "/shelf/\(name)", reason: "has fallen off")]
    }

    func find(_ name: PluginName) -> PluginFinding {
        plugins().first { $0.description.name == name }.map { .usable($0) }
            ?? .unusable("is not on the shelf")
    }

    func refresh() async {}

    func run() async {}

    func changes() -> AsyncStream<PluginCatalogChange> {
        let (stream, continuation) = AsyncStream<PluginCatalogChange>.makeStream(
            bufferingPolicy: .bufferingNewest(64)
        )
        state.withLock { $0.reader = continuation }
        return stream
    }
}
