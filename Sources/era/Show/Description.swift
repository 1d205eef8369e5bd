import ERAAPI
import ERACore

/// What `era describe` tells of a deployment.
struct Description {
    let object: DeploymentObject
    /// Oldest first.
    let events: [EventObject]
    let now: WallTime

    init(_ object: DeploymentObject, _ events: [EventObject], now: WallTime) {
        self.object = object
        self.events = events
        self.now = now
    }

    /// One line for each fact, then the tables.
    func text(_ style: Style) -> String {
        let facts = (identity + state).map { TextTable.line([.init("\($0.name):"), $0.cell], [14], style) }
        var lines = facts
        lines += section("Conditions", conditions, style)
        lines += section("Revisions", RevisionTable(object.revisions, now: now).table(object), style)
        lines += section("Events", EventTable(events, now: now, namesObject: false).table, style)
        return lines.map { $0 + "\n" }.joined()
    }

    private typealias Fact = (name: String, cell: TextTable.Cell)

    private var identity: [Fact] {
        var facts: [Fact] = [
            ("Name", .init(object.name)), ("Namespace", .init(object.namespace)),
            ("Labels", .init(Self.pairs(object.labels))),
            ("Annotations", .init(Self.pairs(object.annotations))),
            ("Declared in", .init(object.origin?.description ?? "")),
            ("Created", .init(moment(object.createdAt))),
        ]
        if let deleted = object.deletedAt {
            facts.append(("Deletion", .init("asked for \(moment(deleted))")))
        }
        return facts.filter { !$0.cell.text.isEmpty }
    }

    private var state: [Fact] {
        let step = object.step.map { ", step \($0)" } ?? ""
        var facts: [Fact] = [
            (
                "Phase",
                .init(
                    object.phaseText + step + (object.isSuspended ? ", suspended" : ""),
                    DeploymentRow(object).phaseLook
                )
            ),
            ("Version", .init(version)), ("Revision", .init(revision)), ("Plugin", .init(object.plugin)),
        ]
        let shown = object.servingRevision ?? object.revisions.map(\.number).max()
        let revision = object.revisions.first { $0.number == shown }
        if let artifact = revision?.artifact { facts.append(("Artifact", .init(artifact))) }
        if let signedBy = revision?.signedBy { facts.append(("Signed by", .init(signedBy))) }
        if object.progress != nil { facts.append(("Progress", .init(DeploymentRow(object).message))) }
        if let wait = object.wait {
            let until = wait.until.map { ", until \($0.rfc3339)" } ?? ""
            facts.append(("Waits for", .init("\(wait.reason): \(wait.message)\(until)", .yellow)))
        }
        if let instance = object.instance { facts += self.facts(of: instance) }
        facts.append(("Restarts", .init("\(object.restarts)")))
        if let exit = object.lastExit { facts.append(("Last exit", .init("\(exit)"))) }
        if let failure = object.failure { facts.append(("Failure", .init(Self.text(failure), .red))) }
        if let failure = object.rollbackFailure {
            facts.append(("Rollback", .init("failed: " + Self.text(failure), .red)))
        }
        if let failure = object.quarantine {
            let output =
                Self.codesOfPrograms.contains(Failure.Code(rawValue: failure.reason))
                ? "; what it said: era logs \(object.key) --previous" : ""
            facts.append(
                (
                    "Quarantine",
                    .init(Self.text(failure) + output + "; era retry \(object.key) tries it again", .red)
                )
            )
        }
        return facts
    }

    /// Failures of something that ran, and may have said why.
    private static let codesOfPrograms: Set<Failure.Code> = [
        .exited, .startupProbeFailed, .livenessProbeFailed, .readinessLost, .progressDeadlineExceeded,
    ]

    private var version: String {
        switch object.version {
        case nil: "none serves; \(object.declaredVersion) is declared"
        case object.declaredVersion?: object.declaredVersion
        case let serving?: "\(serving) serves; \(object.declaredVersion) is declared"
        }
    }

    private var revision: String {
        var text = "\(object.revision)"
        if let serving = object.servingRevision, serving != object.revision { text += "; \(serving) serves" }
        if let previous = object.previousRevision { text += "; \(previous) is the one to roll back to" }
        return text
    }

    private func facts(of instance: InstanceText) -> [Fact] {
        var text = instance.state
        if let pid = instance.pid { text += ", PID \(pid)" }
        if let started = instance.startedAt { text += ", started \(moment(started))" }
        if let exit = instance.exit { text += ", \(exit)" }
        return [("Instance", .init(text))] + instance.restrictions.map { ("Restriction", .init($0, .yellow)) }
    }

    private var conditions: TextTable {
        TextTable(
            ["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"],
            object.conditions.map { condition in
                [
                    .init(condition.kind.rawValue), .init(condition.isTrue ? "True" : "False"),
                    .init(condition.reason),
                    .init(DeploymentTable.age(from: condition.lastTransitionAt, to: now)),
                    .init(condition.message),
                ]
            }
        )
    }

    private func section(_ title: String, _ table: TextTable, _ style: Style) -> [String] {
        guard !table.rows.isEmpty else { return ["\(title):  none"] }
        return ["\(title):"] + table.lines(style).map { "  " + $0 }
    }

    /// `2026-01-02T03:04:05Z (5m ago)`
    private func moment(_ time: WallTime?) -> String {
        time.map { "\($0.rfc3339) (\(DeploymentTable.age(from: $0, to: now)) ago)" } ?? ""
    }

    private static func pairs(_ pairs: [String: String]) -> String {
        pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
    }

    private static func text(_ failure: FailureText) -> String {
        "\(failure.reason): \(failure.message)" + (failure.isTransient ? " (may pass)" : "")
    }
}
