import ERAAPI
import ERAContracts
import ERACore

/// What one reconciliation has come to.
struct Summary: Settling {
    var objects: [DeploymentObject]
    var sources: [SourceStatus]

    init(_ objects: [DeploymentObject], _ sources: [SourceStatus]) {
        self.objects = objects
        self.sources = sources
    }

    /// Whether nothing more comes about by waiting.
    var isSettled: Bool { objects.allSatisfy(Self.isSettled) }

    /// What more may come of, each with its phase.
    var unsettled: [String] {
        objects.filter { !Self.isSettled($0) }.map { object in
            "\(object.key) (\(object.phase?.rawValue ?? "unknown"))"
        }
    }

    private static func isSettled(_ object: DeploymentObject) -> Bool {
        if object.isSuspended { return true }
        switch object.phase {
        case .running:
            return object.wait?.reason != Wait.Reason.baking.word && object.servingRevision == object.revision
        case .failed, .rollbackFailed:
            return true
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .updating, .rollingBack, .stopping, .uninstalling, .deleted, nil:
            return object.wait?.reason == Wait.Reason.dependencies([]).word
        }
    }

    /// How to end; nil when all is as declared.
    /// - Parameter isInTime: Whether everything was taken in and has settled; otherwise time ran out first.
    func exit(isInTime: Bool) -> ProgramExit? {
        if !problems.isEmpty { return .failed }
        if !isInTime { return .timedOut }
        return objects.allSatisfy { $0.isReady || $0.isSuspended } ? nil : .notAsDeclared
    }

    /// What is wrong with the manifests themselves.
    private var problems: [String] {
        sources.flatMap { source in
            var problems = source.unavailable.map { ["\(source.id): \($0)"] } ?? []
            problems += source.files.flatMap(\.problems)
            if !source.heldPrunes.isEmpty {
                let keys = source.heldPrunes.map(\.description).joined(separator: ", ")
                problems.append(
                    "not deleted, since that would be all or many at once: \(keys); --confirm-prune does"
                )
            }
            return problems
        }
    }

    /// What of the manifests has not been taken in yet.
    var unread: [String] {
        sources.flatMap { source in
            if source.readAt == nil, source.unavailable == nil { return ["\(source.id): not read in time"] }
            return source.files.filter(\.isSettling).map { file in
                "\(source.id): \(file.path) was still being written, or had just been removed"
            }
        }
    }

    /// Tells people and programs.
    func show(isInTime: Bool) {
        for problem in problems { Console.noteLine(problem) }
        if !isInTime {
            for line in unread { Console.noteLine(line) }
            let unsettled = objects.filter { !Self.isSettled($0) }.map(\.key).sorted()
            let names = unsettled.map(\.description).joined(separator: ", ")
            Console.noteLine("time is over" + (names.isEmpty ? "" : "; not finished: \(names)"))
        }
        for object in objects.sorted(by: { $0.key < $1.key }) {
            let version = object.version ?? object.declaredVersion
            let trouble = object.isReady ? "" : " " + (object.condition(.ready)?.message ?? "")
            Console.line("\(object.key) \(object.phaseText) \(version)\(trouble)")
        }
        let ready = objects.filter(\.isReady).count
        Console.noteLine("\(ready) of \(objects.count) deployments are ready")
    }
}
