import ERAAPI
import ERACore

/// What happened, oldest first.
struct EventTable {
    let events: [EventObject]
    let now: WallTime
    /// Whether a column names the deployment.
    let namesObject: Bool
    var namesNamespace = false

    init(_ events: [EventObject], now: WallTime, namesObject: Bool, namesNamespace: Bool = false) {
        self.events = events
        self.now = now
        self.namesObject = namesObject
        self.namesNamespace = namesNamespace
    }

    var header: [String] {
        ["LAST SEEN", "TYPE", "REASON"] + (namesObject ? ["DEPLOYMENT"] : []) + ["MESSAGE"]
    }

    var table: TextTable { TextTable(header, events.map(cells)) }

    /// The cells of one event.
    func cells(_ event: EventObject) -> [TextTable.Cell] {
        let name = namesNamespace ? "\(event.namespace)/\(event.deploymentName)" : event.deploymentName
        let age = event.lastAt.map { DeploymentTable.age(from: $0, to: now) } ?? "<unknown>"
        let times = event.count > 1 ? " (\(event.count) times)" : ""
        return [.init(age), .init(event.type, event.isWarning ? .yellow : nil), .init(event.reason)]
            + (namesObject ? [.init(name)] : []) + [.init(event.message + times)]
    }
}
