extension EngineOptionsGroup {
    /// Where plugins of others are looked for: absolute, the first that has a name wins.
    var pluginDirectories: [String] {
        pluginDir.isEmpty ? [Defaults.current.pluginDirectory] : pluginDir.map(Composition.absolute)
    }
}
