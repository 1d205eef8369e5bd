public import ERACore

/// Runtime plugins that come, change and go while ERA runs.
public protocol PluginCatalog: Sendable {
    /// The plugins that can be used now, in the order of their names. Waits for nothing.
    func plugins() -> [any RuntimePlugin]

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

/// What has become another; a hint, never data.
public enum PluginCatalogChange: Hashable, Sendable {
    /// What ``PluginCatalog/plugins()`` or ``PluginCatalog/find(_:)`` says.
    case plugins
    /// What a plugin would say of this instance, perhaps.
    case instance(InstanceID)
}
