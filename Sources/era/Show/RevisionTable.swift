import ERAAPI
import ERACore

/// The history of a deployment, newest revision first.
struct RevisionTable {
    let revisions: [RevisionText]
    let now: WallTime

    init(_ revisions: [RevisionText], now: WallTime) {
        self.revisions = revisions
        self.now = now
    }

    /// - Parameter object: Whose history it is; says which revision serves.
    func table(_ object: DeploymentObject) -> TextTable {
        TextTable(
            ["REVISION", "VERSION", "STATUS", "DECLARED", "RAN FIRST", "HASH", "MESSAGE"],
            revisions.map { revision in
                let isServing = revision.number == object.servingRevision
                return [
                    .init("\(revision.number)" + (isServing ? " *" : "")), .init(revision.version),
                    .init(revision.verdict.rawValue, Self.look(revision.verdict)),
                    .init(age(revision.createdAt)), .init(age(revision.firstRunningAt)),
                    .init(Self.short(revision.templateHash)),
                    .init(revision.failure.map { "\($0.reason): \($0.message)" } ?? ""),
                ]
            }
        )
    }

    private func age(_ time: WallTime?) -> String {
        time.map { DeploymentTable.age(from: $0, to: now) + " ago" } ?? "never"
    }

    /// `sha256:0123456789ab…` as `0123456789ab`.
    private static func short(_ hash: String) -> String {
        String(hash.split(separator: ":").last?.prefix(12) ?? "")
    }

    private static func look(_ verdict: RevisionText.Verdict) -> Style.Look? {
        switch verdict {
        case .pending: .cyan
        case .running: .green
        case .superseded: nil
        case .failed: .red
        }
    }
}
