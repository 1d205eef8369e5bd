@testable import ERACore

/// Visits every state that a deployment can come to within small bounds, breadth first, and checks each.
struct Walk {
    typealias Decide = (DeploymentRecord, Observation, Timestamp, Jitter) -> Decision

    /// How small the world is.
    struct Bounds: Sendable {
        var revisions = 2
        var change: @Sendable (inout DeploymentSpec) -> Void = { _ in }
        /// Workloads exit, lose their health, and come back by themselves.
        var worldActs = true
        var operatorActs = true
        /// Steps succeed without effect, or fail after it.
        var stepsLie = true
        var daemonCrashes = true
        /// Declarations, requests, deletions and reboots in one life.
        var interruptionLimit = 1
        /// Steps that fail or lie, workloads that exit or lose their health, and crashes of the daemon.
        var faultLimit = 1
        var stateLimit = 40_000
    }

    struct Node {
        var record: DeploymentRecord
        var world: World
        var now: Timestamp
        var parent: Int
        var label: String
        /// The last record that a crash of the daemon cannot lose.
        var durable: DeploymentRecord
        var budget: Budget
    }

    /// How much may still happen.
    struct Budget: Hashable {
        var interruptions: Int
        var faults: Int

        func covers(_ other: Budget) -> Bool {
            interruptions >= other.interruptions && faults >= other.faults
        }
    }

    let bounds: Bounds
    let decide: Decide
    let checker = Checker()
    private(set) var nodes: [Node] = []
    private(set) var arrows: Set<[Phase]> = []
    private(set) var violations: [String] = []
    private(set) var transitions = 0
    var onEdge: ((DeploymentRecord, JournalEvent, DeploymentRecord) -> Void)?
    private var seen: [Signature: [Budget]] = [:]
    var converging: Set<Signature> = []
    var calm: [Set<Signature>] = [[], []]

    init(_ bounds: Bounds, decide: @escaping Decide = ERACore.decide(_:observed:now:jitter:)) {
        self.bounds = bounds
        self.decide = decide
    }

    static let violationLimit = 6

    /// How far it came.
    var summary: String { "\(stateCount) states, \(nodes.count) visits, \(transitions) transitions" }

    mutating func run() {
        let now = at(1000)
        let founding = JournalEvent(at: now, declaration(of: nil, revision: 1, at: now))
        guard let record = try? DeploymentRecord(key: key, founding: founding) else {
            return violations.append("a first declaration is refused")
        }
        add(
            Node(
                record: record,
                world: World(revisions: bounds.revisions),
                now: now,
                parent: -1,
                label: "declared 1",
                durable: record,
                budget: Budget(interruptions: bounds.interruptionLimit, faults: bounds.faultLimit)
            )
        )
        var next = 0
        while next < nodes.count, violations.count < Self.violationLimit {
            visit(next)
            next += 1
            guard nodes.count < bounds.stateLimit else {
                return violations.append("more states than the limit")
            }
        }
    }

    mutating func add(_ node: Node) {
        transitions += 1
        guard node.budget.interruptions >= 0, node.budget.faults >= 0 else { return }
        let signature = Signature(node.record, node.world, node.now)
        let budgets = seen[signature, default: []]
        guard !budgets.contains(where: { $0.covers(node.budget) }) else { return }
        seen[signature] = budgets.filter { !node.budget.covers($0) } + [node.budget]
        nodes.append(node)
    }

    /// How many states differ in more than what may still happen.
    var stateCount: Int { seen.count }

    // MARK: One state

    mutating func visit(_ index: Int) {
        let node = nodes[index]
        // A name that is declared again begins as it began the first time; there is nothing new to see.
        guard node.record.uid == "1" else { return }
        let decision = choose(node)
        for problem in checker.problems(with: decision, node.record, node.world, node.now) {
            report(problem, node)
        }
        checkOtherObservations(node)
        checkHeldPrune(node)
        switch decision {
        case .record(let kind): follow(kind, from: index)
        case .run(let step): perform(step, from: index)
        case .wait(let wait):
            if let until = wait.until {
                var later = node
                later.now = moved(node.now, to: until)
                later.parent = index
                later.label = "time passes"
                add(later)
            }
        case .idle: break
        }
        if node.budget.interruptions > 0 { interrupt(index, during: nil) }
        if bounds.worldActs { actWorld(index) }
        converge(node)
        exhaust(node, lying: true)
        exhaust(node, lying: false)
    }

    func choose(_ node: Node) -> Decision {
        decide(node.record, node.world.observation(at: node.now), node.now, .none)
    }

    func moved(_ now: Timestamp, to uptime: Uptime) -> Timestamp {
        Timestamp(uptime: uptime, wall: WallTime(sinceEpoch: now.wall.sinceEpoch + (uptime - now.uptime)))
    }

    mutating func report(_ problem: String, _ node: Node) {
        guard violations.count < Self.violationLimit, !violations.contains(where: { $0.hasPrefix(problem) })
        else { return }
        var path = ["\(node.label) → \(node.record.phase) \(node.world.places.map(\.status))"]
        var parent = node.parent
        while parent >= 0 {
            path.append("\(nodes[parent].label) → \(nodes[parent].record.phase)")
            parent = nodes[parent].parent
        }
        violations.append(problem + ":\n    " + path.reversed().joined(separator: "\n    ") + "\n")
    }

    /// The state after a fact; nil, and a violation where it must be possible, when the fold refuses it.
    mutating func applied(
        _ kind: JournalEvent.Kind,
        to node: Node,
        from index: Int,
        isOptional: Bool = false
    ) -> Node? {
        let event = JournalEvent(at: node.now, kind)
        var next = node
        do throws(IllegalTransition) {
            next.record = try node.record.applying(event)
        } catch {
            if !isOptional { report("illegal: \(error)", node) }
            return nil
        }
        next.world.follow(kind, from: node.record, to: next.record)
        next.parent = index
        next.label = kind.name
        if node.record.mustPersist(before: next.record) { next.durable = next.record }
        arrows.insert([node.record.phase, next.record.phase])
        for problem in checker.problems(with: kind, node.record, next.record) { report(problem, next) }
        onEdge?(node.record, event, next.record)
        return next
    }

    mutating func follow(_ kind: JournalEvent.Kind, from index: Int) {
        guard let next = applied(kind, to: nodes[index], from: index) else { return }
        add(next)
        if bounds.daemonCrashes, next.durable != next.record { crash(next) }
    }

    /// The daemon dies before the last facts are on disk, and starts again.
    mutating func crash(_ node: Node) {
        var lost = node
        lost.record = node.durable
        lost.budget.faults -= 1
        guard lost.budget.faults >= 0 else { return }
        lost.label += ", daemon killed"
        if let next = applied(.resumed(rebooted: false), to: lost, from: node.parent) {
            var labelled = next
            labelled.label = lost.label
            add(labelled)
        }
    }

    // MARK: Steps

    mutating func perform(_ step: Step, from index: Int) {
        let node = nodes[index]
        for outcome in outcomes(of: step) where node.budget.faults > 0 || outcome.isTrue {
            var after = node
            if !outcome.isTrue { after.budget.faults -= 1 }
            if outcome.hasEffect { after.world.perform(step) }
            if outcome.isPartial, case .stop(let revision) = step { after.world[revision].status = .stopping }
            var told = after
            if case .stepSucceeded = outcome.kind { told.world.report(step, target: node.record.target) }
            if let next = applied(outcome.kind, to: told, from: index) {
                var next = next
                next.label += outcome.hasEffect ? "" : ", no effect"
                add(next)
                if bounds.daemonCrashes, next.durable != next.record { crash(next) }
            }
            if outcome.isUsual, node.budget.interruptions > 0 {
                interrupt(index, during: (step, outcome, after.world))
            }
        }
    }

    struct Outcome {
        var kind: JournalEvent.Kind
        var hasEffect: Bool
        var isPartial = false
        /// Worth being combined with every interruption.
        var isUsual = false

        /// The step worked, and said so.
        var isTrue: Bool {
            if case .stepSucceeded = kind { hasEffect } else { false }
        }
    }

    func outcomes(of step: Step) -> [Outcome] {
        let success = JournalEvent.Kind.stepSucceeded(step, result(of: step))
        var outcomes = [
            Outcome(kind: success, hasEffect: true, isUsual: true),
            Outcome(kind: .stepFailed(step, .later, .none), hasEffect: false, isUsual: true),
            Outcome(kind: .stepFailed(step, .never, .none), hasEffect: false),
        ]
        guard bounds.stepsLie else { return outcomes }
        switch step {
        case .validate, .fetch, .prepare, .removeVolumes: break
        case .install, .start, .remove, .purge:
            outcomes.append(Outcome(kind: .stepFailed(step, .later, .none), hasEffect: true))
            outcomes.append(Outcome(kind: success, hasEffect: false))
        case .stop:
            outcomes.append(
                Outcome(kind: .stepFailed(step, .later, .none), hasEffect: false, isPartial: true)
            )
            outcomes.append(Outcome(kind: success, hasEffect: false))
        }
        // A purge that lies leaves files behind that nobody can find again.
        if case .purge = step { outcomes.removeLast() }
        if case .remove = step { outcomes.removeLast() }
        return outcomes
    }

    func result(of step: Step) -> StepResult {
        switch step {
        case .fetch: .fetched(nil)
        case .install: .installed(InstanceHandle(version: 1, payload: .null))
        case .validate, .prepare, .start, .stop, .remove, .purge, .removeVolumes: .done
        }
    }
}
