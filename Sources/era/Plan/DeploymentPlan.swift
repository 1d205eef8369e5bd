import ERAAPI
import ERAContracts
import ERACore
import ERAManifest

/// What would happen if a deployment were declared as a file has it.
struct DeploymentPlan: Equatable, Sendable {
    /// How much of it is touched.
    enum Effect: String, Equatable, Sendable {
        /// Nothing of that name is there.
        case create
        /// Another revision: what runs is replaced.
        case update
        /// Only how ERA handles it, or its labels: what runs is not touched.
        case adjust
        case unchanged
    }

    let key: DeploymentKey
    let effect: Effect
    let changes: [FieldChange]
    /// In their order.
    let steps: [String]
    let downtime: String
    /// What a reader should know besides.
    let notes: [String]

    /// - Parameter present: The deployment as it is; nil where there is none.
    init(_ deployment: Deployment, present: DeploymentObject?) {
        key = deployment.key
        guard let present, let declared = Self.declared(present) else {
            effect = .create
            changes = []
            steps = deployment.spec.suspend ? [] : Self.rollout(deployment.spec, replaces: false)
            downtime = "none: nothing of it runs"
            notes = Self.notes(deployment.spec, present)
            return
        }
        changes = Self.changes(from: declared, to: deployment)
        let isOtherRevision = declared.spec.template != deployment.spec.template
        effect = changes.isEmpty ? .unchanged : isOtherRevision ? .update : .adjust
        let isRolledOut = isOtherRevision && !deployment.spec.suspend && !present.isSuspended
        let runs = present.servingRevision != nil
        steps = isRolledOut ? Self.rollout(deployment.spec, replaces: runs) : []
        downtime = isRolledOut ? Self.downtime(deployment.spec, runs: runs) : "none: what runs is not touched"
        notes = Self.notes(deployment.spec, present) + Self.notes(on: present, effect)
    }

    /// The deployment that an object of the API declares; what a newer daemon adds is passed over.
    static func declared(_ object: DeploymentObject) -> Deployment? {
        ManifestDecoding.deployment(from: object.json, ignoringUnknown: true).deployment
    }

    /// Defaults filled in on both sides, so that writing one down is no change.
    static func changes(from old: Deployment, to new: Deployment) -> [FieldChange] {
        FieldChange.between(
            ManifestEncoding.object(old, includingDefaults: true),
            ManifestEncoding.object(new, includingDefaults: true),
            at: ""
        )
    }

    /// The steps of docs/architecture.md: everything that can be done beforehand comes before the stop.
    private static func rollout(_ spec: DeploymentSpec, replaces: Bool) -> [String] {
        var steps: [String] = []
        if !spec.dependsOn.isEmpty {
            let names = spec.dependsOn.map { $0.name.rawValue }.joined(separator: ", ")
            steps.append("wait until \(names) \(spec.dependsOn.count == 1 ? "is" : "are") Available")
        }
        steps.append("validate it with the plugin \(spec.runtime.plugin)")
        if let artifact = spec.artifact { steps.append("fetch \(artifact.source) and verify it") }
        if replaces {
            let unpacks = spec.artifact == nil ? "" : ", and unpack it"
            steps.append("prepare directories, secrets, volumes, ports\(unpacks)")
            steps.append(
                "stop what runs (\(spec.stop.signal.rawValue), grace \(spec.stop.grace.manifestText))"
            )
        } else {
            steps.append("prepare directories, secrets, volumes, ports")
        }
        steps += ["install", "start", "wait until it is healthy" + healthDetail(spec.health)]
        if replaces, spec.update.bakeSeconds > 0 {
            steps.append(
                "watch it for \(spec.update.bakeSeconds) s; a crash in that time brings the present one back"
            )
        }
        return steps
    }

    private static func healthDetail(_ health: HealthSpec) -> String {
        let probes = ProbeKind.allCases.filter { health[$0] != nil }.map { "\($0.rawValue) probe" }
        let ready = health.minReadySeconds > 0 ? ["for \(health.minReadySeconds) s"] : []
        let details = probes + ready
        return details.isEmpty ? "" : " (\(details.joined(separator: ", ")))"
    }

    private static func downtime(_ spec: DeploymentSpec, runs: Bool) -> String {
        guard runs else { return "none: nothing of it serves now" }
        let passed = spec.ports.filter(\.passSocket)
        if !passed.isEmpty, passed.count == spec.ports.count {
            return "none for clients of its sockets, which stay open: they wait from the stop until it serves"
        }
        return "short: from the stop until it is healthy"
    }

    private static func notes(_ spec: DeploymentSpec, _ present: DeploymentObject?) -> [String] {
        var notes: [String] = []
        if spec.suspend { notes.append("spec.suspend is true: it is declared, and nothing else is done") }
        if present?.deletedAt != nil {
            notes.append("it is being deleted; it is made anew when that is done")
        }
        return notes
    }

    private static func notes(on present: DeploymentObject, _ effect: Effect) -> [String] {
        var notes: [String] = []
        if let origin = present.origin, origin.path != nil {
            notes.append("it is declared in \(origin): change it there, era apply is refused")
        }
        if present.isSuspended, effect != .unchanged {
            notes.append("it is suspended: nothing is done before era resume \(present.key)")
        }
        if effect == .unchanged || effect == .adjust, present.quarantine != nil {
            notes.append("this version has failed and is not tried again: era retry \(present.key)")
        }
        return notes
    }

    // MARK: For people

    /// A line with the effect, then fields, steps and notes below it.
    func text(_ style: Style) -> String {
        var lines = ["\(style.paint(effect.rawValue, look))  deployment \(key)"]
        lines += changes.map { "    " + style.paint("~ ", .yellow) + $0.text }
        lines += steps.enumerated().map { "    \($0.offset + 1). \($0.element)" }
        if effect != .unchanged { lines.append("    downtime: \(downtime)") }
        lines += notes.map { "    " + style.paint("note: ", .cyan) + $0 }
        return lines.map { $0 + "\n" }.joined()
    }

    private var look: Style.Look {
        switch effect {
        case .create: .green
        case .update: .yellow
        case .adjust: .cyan
        case .unchanged: .faint
        }
    }

    /// For programs.
    var json: JSONValue {
        [
            "namespace": .string(key.namespace.rawValue), "name": .string(key.name.rawValue),
            "effect": .string(effect.rawValue), "downtime": .string(downtime),
            "changes": .array(
                changes.map { change in
                    var members: [String: JSONValue] = ["field": .string(change.path)]
                    members["old"] = change.old
                    members["new"] = change.new
                    return .object(members)
                }
            ),
            "steps": .array(steps.map { .string($0) }), "notes": .array(notes.map { .string($0) }),
        ]
    }
}
