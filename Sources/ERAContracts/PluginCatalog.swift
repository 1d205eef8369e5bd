public import ERACore

/// Runtime plugins that come, change and go while ERA runs.
public protocol PluginCatalog: Sendable {
    /// The plugins that can be used now, in the order of their names. Waits for nothing.
    func plugins() -> [any RuntimePlugin]

    /// What is there as a plugin and cannot be used, in the order of the names. Waits for nothing.
    func refused() -> [RefusedPlugin]

    /// The plugin of that name, or why there is none. Waits for nothing.
    func find(_ name: PluginName) -> PluginFinding

    /// Looks for plugins now; returns when they are known. For one caller at a time, not beside ``run()``.
    func refresh() async

    /// Looks again and again until the task is cancelled.
    func run() async

    /// Yields what has become another; for one reader.
    func changes() -> AsyncStream<PluginCatalogChange>
}

/// What a name stands for among the plugins.
public enum PluginFinding: Sendable {
    case usable(any RuntimePlugin)
    /// Why it cannot be used and what to do, as the end of a sentence about the plugin.
    case unusable(String)
}

/// An executable that is there as a plugin and cannot be used.
public struct RefusedPlugin: Hashable, Sendable {
    public var name: PluginName
    public var path: String
    /// Why, and what to do about it, as the end of a sentence about the executable.
    public var reason: String

    public init(name: PluginName, path: String, reason: String) {
        self.name = name
        self.path = path
        self.reason = reason
    }
}

/// A plugin as people are shown it.
public enum ListedPlugin: Equatable, Sendable {
    case usable(PluginDescription)
    case refused(RefusedPlugin)

    public var name: PluginName {
        switch self {
        case .usable(let description): description.name
        case .refused(let plugin): plugin.name
        }
    }
}

/// What has become another; a hint, never data.
public enum PluginCatalogChange: Hashable, Sendable {
    /// What ``PluginCatalog/plugins()`` or ``PluginCatalog/find(_:)`` says.
    case plugins
    /// What a plugin would say of this instance, perhaps.
    case instance(InstanceID)
}
