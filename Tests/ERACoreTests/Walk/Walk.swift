@testable import ERACore

/// Visits every state that a deployment can come to within small bounds, breadth first, and checks each.
struct Walk {
    typealias Decide = (DeploymentRecord, Observation, Timestamp, Jitter) -> Decision

    /// How small the world is.
    struct Bounds {
        var revisions = 2
        var change: (inout DeploymentSpec) -> Void = { _ in }
        /// Workloads exit, lose their health, and come back by themselves.
        var worldActs = true
        var operatorActs = true
        /// Steps succeed without effect, or fail after it.
        var stepsLie = true
        var daemonCrashes = true
        /// Declarations, requests, deletions and reboots in one life.
        var interruptionLimit = 2
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
    private var converging: Set<Signature> = []
    private var calm: [Set<Signature>] = [[], []]

    init(_ bounds: Bounds, decide: @escaping Decide = ERACore.decide(_:observed:now:jitter:)) {
        self.bounds = bounds
        self.decide = decide
    }

    static let violationLimit = 6

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

    private mutating func add(_ node: Node) {
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

    private mutating func visit(_ index: Int) {
        let node = nodes[index]
        // A name that is declared again begins as it began the first time; there is nothing new to see.
        guard node.record.uid == "1" else { return }
        let decision = choose(node)
        for problem in checker.problems(with: decision, node.record, node.world, node.now) {
            report(problem, node)
        }
        checkOtherObservations(node)
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

    private func choose(_ node: Node) -> Decision {
        decide(node.record, node.world.observation(at: node.now), node.now, .none)
    }

    private func moved(_ now: Timestamp, to uptime: Uptime) -> Timestamp {
        Timestamp(uptime: uptime, wall: WallTime(sinceEpoch: now.wall.sinceEpoch + (uptime - now.uptime)))
    }

    private mutating func report(_ problem: String, _ node: Node) {
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
    private mutating func applied(
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

    private mutating func follow(_ kind: JournalEvent.Kind, from index: Int) {
        guard let next = applied(kind, to: nodes[index], from: index) else { return }
        add(next)
        if bounds.daemonCrashes, next.durable != next.record { crash(next) }
    }

    /// The daemon dies before the last facts are on disk, and starts again.
    private mutating func crash(_ node: Node) {
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

    private mutating func perform(_ step: Step, from index: Int) {
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

    private struct Outcome {
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

    private func outcomes(of step: Step) -> [Outcome] {
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

    private func result(of step: Step) -> StepResult {
        switch step {
        case .fetch: .fetched(nil)
        case .install: .installed(InstanceHandle(version: 1, payload: .null))
        case .validate, .prepare, .start, .stop, .remove, .purge, .removeVolumes: .done
        }
    }

    // MARK: Interruptions

    /// Everything that can happen from outside, also while a step is under way.
    private mutating func interrupt(
        _ index: Int,
        during flight: (step: Step, outcome: Outcome, world: World)?
    ) {
        let node = nodes[index]
        for (kind, isOptional) in interruptions(of: node) {
            guard var next = applied(kind, to: node, from: index, isOptional: isOptional) else { continue }
            next.budget.interruptions -= 1
            guard let flight else {
                add(next)
                continue
            }
            next.label += " during \(flight.step)"
            if flight.outcome.hasEffect { next.world.perform(flight.step) }
            if next.record.epoch == node.record.epoch {
                if case .stepSucceeded = flight.outcome.kind {
                    next.world.report(flight.step, target: next.record.target)
                }
                guard let settled = applied(flight.outcome.kind, to: next, from: index) else { continue }
                next.record = settled.record
                next.world = settled.world
                next.durable = settled.durable
            }
            add(next)
        }
        guard flight == nil else { return }
        var rebooted = node
        rebooted.world.reboot()
        rebooted.budget.interruptions -= 1
        rebooted.now = Timestamp(uptime: at(10).uptime, wall: node.now.wall)
        if let next = applied(.resumed(rebooted: true), to: rebooted, from: index) { add(next) }
    }

    private func interruptions(of node: Node) -> [(JournalEvent.Kind, isOptional: Bool)] {
        var all: [(JournalEvent.Kind, isOptional: Bool)] = []
        let record = node.record
        if !record.isBeingRemoved || record.phase == .deleted {
            for revision in 1...bounds.revisions {
                all.append((declaration(of: record, revision: revision, at: node.now), false))
            }
        }
        if !record.isBeingRemoved { all.append((.deletionRequested, false)) }
        guard bounds.operatorActs, record.phase != .deleted else { return all }
        all.append((.requested(record.isHeld ? .release : .hold), false))
        all.append((.resumed(rebooted: false), false))
        for request in [OperatorRequest.retry, .restart] { all.append((.requested(request), true)) }
        for number in 1...bounds.revisions {
            all.append((.requested(.rollback(to: RevisionNumber(number))), true))
            all.append((.requested(.accept(RevisionNumber(number))), true))
        }
        return all
    }

    /// What the fold says to a manifest of that version; each differs in a policy from what was declared.
    private func declaration(
        of record: DeploymentRecord?,
        revision: Int,
        at now: Timestamp
    ) -> JournalEvent.Kind {
        let number = record?.revisions.values.first { $0.templateHash == digest(revision) }?.number
        let generation = record.map { $0.phase == .deleted ? 1 : $0.generation + 1 } ?? 1
        let isDeleted = record?.phase == .deleted
        let newest = record.map(\.newestRevision) ?? RevisionNumber(0)
        let chosen = isDeleted ? newest.next : number ?? newest.next
        let spec = spec(revision) {
            $0.retry.limit = 1
            $0.stop.grace = .seconds(10 + generation % 2)
            bounds.change(&$0)
        }
        let declared = Declaration(
            generation: generation,
            revision: chosen,
            deployment: deployment(spec),
            origin: origin
        )
        let new = Revision(number: chosen, templateHash: digest(revision), spec: spec, createdAt: now.wall)
        return .declared(
            declared,
            revision: number == nil || isDeleted ? new : nil,
            uid: record == nil ? "1" : "2"
        )
    }

    private mutating func actWorld(_ index: Int) {
        let node = nodes[index]
        for (place, value) in node.world.places.enumerated() {
            func become(_ label: String, isFault: Bool = true, _ change: (inout World.Place) -> Void) {
                var next = node
                if isFault { next.budget.faults -= 1 }
                change(&next.world.places[place])
                next.parent = index
                next.label = "revision \(place + 1) \(label)"
                add(next)
            }
            switch value.status {
            case .running:
                become("succeeds") { $0.status = .succeeded }
                become("crashes") { $0.status = .crashed }
                for verdict in World.Verdict.allCases where verdict != value.verdict && verdict != .pending {
                    become("is \(verdict)", isFault: verdict != .healthy) { $0.verdict = verdict }
                }
            case .stopping: become("ends", isFault: false) { $0.status = .installed }
            case .absent, .installed, .succeeded, .crashed: break
            }
        }
    }

    /// What cannot be seen, or is not there yet, must stop the work, not mislead it.
    private mutating func checkOtherObservations(_ node: Node) {
        var hidden = node.world.observation(at: node.now)
        hidden.instances = [:]
        hidden.unobservable = [node.record.target: .later]
        if case .run(let step) = decide(node.record, hidden, node.now, .none) {
            report("\(step) while nobody can tell what runs", node)
        }
        var lonely = node.world.observation(at: node.now)
        lonely.unmetDependencies = [key]
        lonely.dependents = [key]
        switch decide(node.record, lonely, node.now, .none) {
        case .run(.validate): report("validates without its dependencies", node)
        case .run(let step) where node.record.phase == .stopping: report("\(step) under its dependents", node)
        case .run, .record, .wait, .idle: break
        }
    }

    // MARK: What comes of it

    /// No more faults: the deployment must come to rest, in the right place, within a bounded number of steps.
    private mutating func converge(_ node: Node) {
        var node = node
        var passed: [Signature] = []
        for _ in 0..<Self.convergenceLimit {
            let signature = Signature(node.record, node.world, node.now)
            if converging.contains(signature) { break }
            passed.append(signature)
            let decision = choose(node)
            switch decision {
            case .record(let kind):
                guard let record = try? node.record.applying(JournalEvent(at: node.now, kind)) else { return }
                node.world.follow(kind, from: node.record, to: record)
                node.record = record
            case .run(let step):
                node.world.perform(step)
                node.world.report(step, target: node.record.target)
                let kind = JournalEvent.Kind.stepSucceeded(step, result(of: step))
                guard let record = try? node.record.applying(JournalEvent(at: node.now, kind)) else { return }
                node.record = record
            case .wait, .idle:
                var healed = node.world
                for index in healed.places.indices {
                    if healed.places[index].status == .stopping { healed.places[index].status = .installed }
                    healed.places[index].verdict = .healthy
                }
                if healed != node.world {
                    node.world = healed
                } else if case .wait(let wait) = decision, let until = wait.until {
                    node.now = moved(node.now, to: until)
                } else {
                    for problem in checker.problems(atRest: decision, node.record, node.world) {
                        report(problem, node)
                    }
                    converging.formUnion(passed)
                    return
                }
            }
        }
        guard passed.count < Self.convergenceLimit else {
            return report("does not come to rest without faults; last in \(node.record.phase)", node)
        }
        converging.formUnion(passed)
    }

    /// However many steps a deployment needs at most from anywhere to rest.
    static let convergenceLimit = 80

    /// Every step succeeds and changes nothing, or fails: soon there must be a wait.
    private mutating func exhaust(_ node: Node, lying: Bool) {
        var node = node
        var passed: [Signature] = []
        for _ in 0..<Self.spinLimit {
            let signature = Signature(node.record, node.world, node.now)
            if calm[lying ? 0 : 1].contains(signature) { break }
            passed.append(signature)
            let kind: JournalEvent.Kind
            switch choose(node) {
            case .record(let fact): kind = fact
            case .run(let step):
                kind = lying ? .stepSucceeded(step, result(of: step)) : .stepFailed(step, .later, .none)
            case .wait, .idle:
                calm[lying ? 0 : 1].formUnion(passed)
                return
            }
            guard let record = try? node.record.applying(JournalEvent(at: node.now, kind)) else {
                return report("illegal: \(kind.name) in \(node.record.phase)", node)
            }
            node.record = record
        }
        guard passed.count < Self.spinLimit else {
            return report("spins when steps \(lying ? "lie" : "fail"); in \(node.record.phase)", node)
        }
        calm[lying ? 0 : 1].formUnion(passed)
    }

    static let spinLimit = 30
}
