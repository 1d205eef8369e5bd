import ArgumentParser

/// How deployments are shown.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    case table, wide, json, yaml, name
}

/// How everything else is shown.
enum ListFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    case table, json, yaml
}
