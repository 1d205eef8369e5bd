import ERAAPI
import ERAContracts
import ERACore

/// What one reconciliation has come to.
struct Summary: Settling {
    var objects: [DeploymentObject]
    var sources: [SourceStatus]
    /// The time is over.
    var isOver: Bool

    init(_ objects: [DeploymentObject], _ sources: [SourceStatus], isOver: Bool) {
        self.objects = objects
        self.sources = sources
        self.isOver = isOver
    }

    /// Whether nothing more comes about by waiting.
    var isSettled: Bool { objects.allSatisfy(Self.isSettled) }

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
    var exit: ProgramExit? {
        if !problems.isEmpty { return .failed }
        if isOver, !isSettled { return .timedOut }
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

    func show() {
        for problem in problems { Console.noteLine(problem) }
        for object in objects.sorted(by: { $0.key < $1.key }) {
            let version = object.version ?? object.declaredVersion
            let trouble = object.isReady ? "" : " " + (object.condition(.ready)?.message ?? "")
            Console.line("\(object.key) \(object.phaseText) \(version)\(trouble)")
        }
        let ready = objects.filter(\.isReady).count
        Console.noteLine("\(ready) of \(objects.count) deployments are ready")
    }
}
