import ERAContracts
import ERACore

/// Which runtime plugins there are now: those of this program, and those that come and go.
struct PluginTable: Sendable {
    private let builtIn: [PluginName: any RuntimePlugin]
    private let catalog: (any PluginCatalog)?

    /// - Parameter catalog: Nil where no plugin comes or goes.
    init(_ builtIn: [any RuntimePlugin], catalog: (any PluginCatalog)? = nil) {
        self.builtIn = Dictionary(builtIn.map { ($0.description.name, $0) }) { first, _ in first }
        self.catalog = catalog
    }

    /// All that can be used now. A plugin of others never takes the place of one of this program.
    var values: [any RuntimePlugin] {
        Array(builtIn.values)
            + (catalog?.plugins() ?? []).filter { builtIn[$0.description.name] == nil }
    }

    /// What is there as a plugin and cannot be used.
    var refused: [RefusedPlugin] { catalog?.refused() ?? [] }

    subscript(_ name: PluginName) -> (any RuntimePlugin)? {
        if case .usable(let plugin) = find(name) { plugin } else { nil }
    }

    /// The plugin, or why there is none and what to do about it.
    func find(_ name: PluginName) -> PluginFinding {
        if let plugin = builtIn[name] { return .usable(plugin) }
        if let catalog { return catalog.find(name) }
        let known = builtIn.keys.sorted().map(\.description).joined(separator: ", ")
        return .unusable("is not there; there are: \(known)")
    }
}

extension Engine {
    /// Looks at deployments again when the plugins, or what they say, may have changed.
    func follow(_ catalog: any PluginCatalog) async {
        for await change in catalog.changes() {
            switch change {
            case .plugins: wakeAll()
            case .instance(let id): wake(id.deployment, isUrgent: true)
            }
        }
    }
}
