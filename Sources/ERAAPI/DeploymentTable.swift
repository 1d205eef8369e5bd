public import ERACore

/// The table of deployments that `kubectl get` and `era get` print.
///
/// Source: Kubernetes `meta.k8s.io/v1` `Table`; columns of priority 1 show only with `-o wide`.
public enum DeploymentTable {
    /// What stands in a row's `object`.
    public enum Inclusion: String, Hashable, Sendable, CaseIterable {
        case none = "None"
        case metadata = "Metadata"
        case object = "Object"
    }

    /// One column, and how its cell is made of an object.
    public struct Column: Sendable {
        public let name: String
        public let type: String
        /// `name` where the cell names the object; else empty.
        public let format: String
        public let description: String
        /// 0: always shown; 1: only in the wide form.
        public let priority: Int
        /// The cell, for the moment at which it is shown.
        public let cell: @Sendable (DeploymentObject, WallTime) -> JSONValue
    }

    public static let columns: [Column] = [
        Column("Name", "Name of the deployment, unique in its namespace.", format: "name") { object, _ in
            .string(object.name)
        },
        Column("Phase", "Where the deployment stands in its life.") { object, _ in .string(object.phaseText)
        },
        Column("Ready", "Whether what is declared is healthy and serving.") { object, _ in
            .string(object.isReady ? "True" : "False")
        },
        Column("Version", "The version that serves; the declared one while none does.") { object, _ in
            .string(object.version ?? object.declaredVersion)
        },
        Column("Revision", "The revision that the deployment is driven to.", type: "integer") { object, _ in
            .integer(Int64(object.revision))
        },
        Column("Restarts", "How often the workload was started again.", type: "integer") { object, _ in
            .integer(Int64(object.restarts))
        },
        Column("Age", "Time since the deployment was declared first.", type: "date") { object, now in
            .string(object.createdAt.map { age(from: $0, to: now) } ?? "<unknown>")
        },
        Column("Step", "The step in progress.", priority: 1) { object, _ in .string(object.step ?? "") },
        Column("Message", "Why nothing moves, or what went wrong.", priority: 1) { object, _ in
            .string(object.summary)
        },
        Column("Source", "Where the deployment is declared.", priority: 1) { object, _ in
            .string(object.origin?.description ?? "")
        },
        Column("Plugin", "The runtime plugin.", priority: 1) { object, _ in .string(object.plugin) },
    ]

    /// The table of some deployments.
    ///
    /// - Parameter definesColumns: False in a watch after its first event, as Kubernetes does.
    public static func json(
        _ objects: [DeploymentObject],
        resourceVersion: String,
        including inclusion: Inclusion = .metadata,
        definesColumns: Bool = true,
        now: WallTime
    ) -> JSONValue {
        [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1",
            "metadata": ["resourceVersion": .string(resourceVersion)],
            "columnDefinitions": definesColumns ? .array(columns.map(\.definition)) : .null,
            "rows": .array(
                objects.map { object in
                    var row: [String: JSONValue] = ["cells": .array(columns.map { $0.cell(object, now) })]
                    row["object"] = included(object, inclusion)
                    return .object(row)
                }
            ),
        ]
    }

    private static func included(_ object: DeploymentObject, _ inclusion: Inclusion) -> JSONValue? {
        switch inclusion {
        case .none: nil
        case .metadata:
            [
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": object.json["metadata"] ?? [:],
            ]
        case .object: object.json
        }
    }

    /// A time span in one or two units, as `kubectl` writes it.
    ///
    /// Source: Kubernetes `duration.HumanDuration`. A future moment is `0s`, as clocks differ.
    public static func age(from start: WallTime, to now: WallTime) -> String {
        let seconds = max(0, (now.sinceEpoch - start.sinceEpoch).components.seconds)
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400)
        func two(_ whole: Int64, _ unit: String, _ rest: Int64, _ lesser: String) -> String {
            rest == 0 ? "\(whole)\(unit)" : "\(whole)\(unit)\(rest)\(lesser)"
        }
        if seconds < 120 { return "\(seconds)s" }
        if minutes < 10 { return two(minutes, "m", seconds % 60, "s") }
        if hours < 3 { return "\(minutes)m" }
        if hours < 8 { return two(hours, "h", minutes % 60, "m") }
        if hours < 48 { return "\(hours)h" }
        if days < 8 { return two(days, "d", hours % 24, "h") }
        if days < 730 { return "\(days)d" }
        if days < 8 * 365 { return two(days / 365, "y", days % 365, "d") }
        return "\(days / 365)y"
    }
}

extension DeploymentTable.Column {
    fileprivate init(
        _ name: String,
        _ description: String,
        type: String = "string",
        format: String = "",
        priority: Int = 0,
        cell: @escaping @Sendable (DeploymentObject, WallTime) -> JSONValue
    ) {
        self.name = name
        self.description = description
        self.type = type
        self.format = format
        self.priority = priority
        self.cell = cell
    }

    fileprivate var definition: JSONValue {
        [
            "name": .string(name), "type": .string(type), "format": .string(format),
            "description": .string(description), "priority": .integer(Int64(priority)),
        ]
    }
}

extension DeploymentObject {
    /// The one sentence that tells most: why it failed, why it waits, else what Ready says.
    public var summary: String {
        if let failure, phase?.isTerminal ?? false { return failure.message }
        if let wait { return wait.message }
        if let failure { return failure.message }
        if let quarantine { return quarantine.message }
        return isReady ? "" : condition(.ready)?.message ?? ""
    }
}
