@testable import ERACore

/// What must come of every state.
extension Walk {
    /// No more faults: the deployment must come to rest, in the right
    /// place, within a bounded number of steps.
    mutating func converge(_ node: Node) {
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
    mutating func exhaust(_ node: Node, lying: Bool) {
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
