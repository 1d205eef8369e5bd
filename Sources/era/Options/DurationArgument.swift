import ERACore

/// Reads durations on the command line.
enum DurationArgument {
    /// `90s`, `5m`, `1h30m`.
    /// - Throws: `InvalidValue`.
    static func read(_ text: String) throws -> Duration { try Duration(manifest: text) }
}
