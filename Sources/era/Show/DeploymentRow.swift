import ERAAPI
import ERACore

/// One deployment as a row of a table.
struct DeploymentRow: Equatable, Sendable {
    /// What the columns are.
    struct Columns: Equatable, Sendable {
        var showsNamespace: Bool
        /// Revision, step, source and plugin as well.
        var isWide = false

        var header: [String] {
            (showsNamespace ? ["NAMESPACE"] : []) + ["NAME", "PHASE", "READY", "VERSION", "RESTARTS", "AGE"]
                + (isWide ? ["REVISION", "STEP", "PLUGIN", "SOURCE"] : []) + ["REASON", "MESSAGE"]
        }
    }

    let object: DeploymentObject

    init(_ object: DeploymentObject) { self.object = object }

    /// The cells for the moment `now`.
    func cells(_ columns: Columns, now: WallTime) -> [TextTable.Cell] {
        let age = object.createdAt.map { DeploymentTable.age(from: $0, to: now) } ?? "<unknown>"
        var cells: [TextTable.Cell] = columns.showsNamespace ? [.init(object.namespace)] : []
        cells += [
            .init(object.name), .init(object.phaseText, phaseLook),
            .init(object.isReady ? "True" : "False", object.isReady ? nil : .yellow),
            .init(object.version ?? object.declaredVersion), .init("\(object.restarts)"), .init(age),
        ]
        if columns.isWide {
            cells += [
                .init("\(object.revision)"), .init(object.step ?? ""), .init(object.plugin),
                .init(object.origin?.description ?? ""),
            ]
        }
        return cells + [.init(reason), .init(message)]
    }

    /// Everything that a reader would call a change: the row without its age.
    func changeText(_ columns: Columns) -> [String] {
        var cells = cells(columns, now: object.createdAt ?? WallTime(sinceEpoch: .zero)).map(\.text)
        // How far a download has come would make a line each moment.
        if object.progress != nil, !cells.isEmpty { cells[cells.count - 1] = "" }
        return cells
    }

    var phaseLook: Style.Look? {
        switch object.phase {
        case .running: object.isReady ? .green : .yellow
        case .failed, .rollbackFailed: .red
        case .rollingBack: .yellow
        case .deleted, .stopping, .uninstalling: .faint
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .updating:
            .cyan
        case nil: nil
        }
    }

    /// The word that the operations guide explains: why it failed, or what it waits for.
    var reason: String {
        if let failure = object.failure, object.phase?.isTerminal ?? false { return failure.reason }
        if let quarantine = object.quarantine, object.wait == nil { return quarantine.reason }
        if let wait = object.wait { return wait.reason }
        if let failure = object.failure { return failure.reason }
        // Available, and for all that not Ready: what is declared does not count.
        guard let ready = object.condition(.ready), object.condition(.available)?.isTrue ?? false else {
            return ""
        }
        return ready.isTrue ? "" : ready.reason
    }

    /// One sentence; while something is fetched or unpacked, how far that has come.
    var message: String {
        guard let progress = object.progress else { return object.summary }
        let isInstalling = object.step == "Install"
        guard !progress.isQueued else {
            return "waits for other \(isInstalling ? "installations" : "downloads")"
        }
        let verb = isInstalling ? "unpacked" : "fetched"
        let done = Self.size(progress.done)
        guard let total = progress.total, total.bytes > 0 else { return "\(verb) \(done)" }
        let percent = min(100, Int(Double(progress.done.bytes) / Double(total.bytes) * 100))
        return "\(verb) \(done) of \(Self.size(total)) (\(percent) %)"
    }

    /// A size for people: `812 B`, `1.5 MiB`.
    static func size(_ count: ByteCount) -> String {
        guard count.bytes >= 1024 else { return "\(count.bytes) B" }
        var (value, unit) = (count.bytes, 0)
        while value >= 1024 * 1024 {
            value /= 1024
            unit += 1
        }
        let tenths = value * 10 / 1024
        return "\(tenths / 10).\(tenths % 10) \(["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit])"
    }
}
