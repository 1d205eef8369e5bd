import ERAAPI
import ERAContracts
import ERACore

/// What `era doctor` makes of the answers of a running daemon.
enum DaemonChecks {
    /// What it says of itself.
    static func daemon(_ version: VersionObject, _ health: EngineHealth) -> [Finding] {
        var findings: [Finding] = []
        if version.era != Era.version {
            findings.append(
                .warning(
                    "daemon",
                    "it is of version \(version.era), this program of \(Era.version): restart it"
                )
            )
        }
        if let degraded = health.degraded {
            findings.append(.problem("daemon", "it cannot write: \(degraded)"))
        } else if !health.isReady {
            findings.append(.warning("daemon", "it has not looked at everything yet; ask again in a moment"))
        }
        let count = health.phases.values.reduce(0, +)
        let state = "answers; \(Words.count(count, "deployment")), \(health.busy) busy"
        return findings.isEmpty ? [.good("daemon", state)] : findings
    }

    /// Plugins of others that it does not use.
    static func plugins(_ plugins: [ListedPlugin]) -> [Finding] {
        plugins.compactMap { plugin in
            guard case .refused(let refused) = plugin else { return nil }
            return .warning(
                "plugin \(refused.name)",
                "not used: \(DisplayText.line(refused.path)) \(DisplayText.line(refused.reason))"
            )
        }
    }

    /// What it says of its sources: those that it cannot read, files with
    /// mistakes, deletions that it holds back.
    static func sources(_ sources: [SourceStatus]) -> [Finding] {
        sources.flatMap { source -> [Finding] in
            let subject = DisplayText.line(source.id.rawValue)
            var findings: [Finding] = []
            if let unavailable = source.unavailable {
                findings.append(.problem(subject, DisplayText.line(unavailable)))
            }
            let wrong = source.files.filter { !$0.problems.isEmpty }.map(\.path)
            if !wrong.isEmpty {
                let names = DisplayText.line(wrong.joined(separator: ", "))
                findings.append(.warning(subject, "not applied as it stands: \(names); see era sources"))
            }
            if !source.heldPrunes.isEmpty {
                let names = source.heldPrunes.map(\.description).joined(separator: ", ")
                let advice = "declare them again, or delete them with: era prune --confirm"
                findings.append(.warning(subject, "no longer declared and not deleted: \(names); \(advice)"))
            }
            return findings
        }
    }
}
