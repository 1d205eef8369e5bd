import FoundationEssentials
import Testing

@testable import ERACore

/// A walk with the bounds that make it small and one aspect wide.
struct Aspect: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bounds: Walk.Bounds

    init(_ description: String, _ change: (inout Walk.Bounds) -> Void) {
        testDescription = description
        bounds = Walk.Bounds()
        change(&bounds)
    }

    static let interruptions = Aspect("two interruptions of each other and one fault") {
        $0.interruptionLimit = 2
        $0.faultLimit = 1
    }
    static let jobs = Aspect("jobs that are never started again") {
        $0.change = { $0.restart.policy = .never }
    }
    static let all = [
        Aspect("an interruption and two faults") { $0.faultLimit = 2 },
        Aspect("jobs that are started again after a failure") {
            $0.change = { $0.restart.policy = .onFailure }
        },
        Aspect("no rollback, no bake") {
            $0.change = {
                $0.rollback.enabled = false
                $0.update.bakeSeconds = 0
            }
        },
        Aspect("three revisions, each declared whenever") {
            $0.revisions = 3
            $0.interruptionLimit = 2
            $0.operatorActs = false
            $0.stepsLie = false
            $0.daemonCrashes = false
            $0.worldActs = false
        },
    ]
}

@Suite struct WalkTests {
    @Test(arguments: Aspect.all)
    func `every state that can be reached keeps every promise`(aspect: Aspect) {
        var walk = Walk(aspect.bounds)
        walk.run()
        print("walk: \(aspect.testDescription): \(walk.summary)")
        #expect(walk.violations.isEmpty, "\(walk.violations.joined(separator: "\n"))")
        #expect(walk.stateCount > 1000)
    }

    @Test func `every arrow of the diagram is taken, and each leads to a state that keeps every promise`() {
        var arrows: Set<[Phase]> = []
        for aspect in [Aspect.interruptions, .jobs] {
            var walk = Walk(aspect.bounds)
            walk.run()
            print("walk: \(aspect.testDescription): \(walk.summary)")
            #expect(walk.violations.isEmpty, "\(walk.violations.joined(separator: "\n"))")
            arrows.formUnion(walk.arrows.filter { $0[0] != $0[1] })
        }
        #expect(arrows == Set(Transition.all.map { [$0.from, $0.to] }))
    }

    @Test func `every fact, stored and read back, leads from the stored record to the same record`() throws {
        var seen: Set<String> = []
        var edges: [(DeploymentRecord, JournalEvent, DeploymentRecord)] = []
        var walk = Walk(Aspect.jobs.bounds)
        walk.onEdge = { old, event, new in
            guard seen.insert("\(old.phase) \(new.phase) \(event.kind.name)").inserted else { return }
            edges.append((old, event, new))
        }
        walk.run()
        #expect(edges.count > 200)
        for (old, event, new) in edges {
            let stored = try roundTrip(event)
            #expect(stored == event)
            #expect(try roundTrip(old).applying(stored) == new)
        }
    }

    private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
        try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
    }
}
