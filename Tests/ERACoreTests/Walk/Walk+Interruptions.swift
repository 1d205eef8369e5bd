@testable import ERACore

/// What happens to a deployment from outside.
extension Walk {
    /// Everything that can happen from outside, also while a step is under way.
    mutating func interrupt(
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

    func interruptions(of node: Node) -> [(JournalEvent.Kind, isOptional: Bool)] {
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
    func declaration(
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

    mutating func actWorld(_ index: Int) {
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

    /// That a deletion waits for a person changes nothing else, and can be taken back.
    mutating func checkHeldPrune(_ node: Node) {
        do {
            let held = try node.record.applying(JournalEvent(at: node.now, .pruneHeld))
            if node.record.isBeingRemoved { return report("a deletion under way can be held back", node) }
            if held.pruneHeldAt == nil { report("the deletion is not held", node) }
            if decide(held, node.world.observation(at: node.now), node.now, .none) != choose(node) {
                report("a held deletion changes what is done", node)
            }
            let released = try held.applying(JournalEvent(at: node.now, .pruneReleased))
            var same = node.record
            same.refreshConditions(at: node.now.wall)
            if released != same { report("a held deletion leaves something behind", node) }
        } catch {
            if !node.record.isBeingRemoved { report("illegal: \(error)", node) }
        }
    }

    /// What cannot be seen, or is not there yet, must stop the work, not mislead it.
    mutating func checkOtherObservations(_ node: Node) {
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
}
