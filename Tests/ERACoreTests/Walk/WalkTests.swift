import Testing

@testable import ERACore

@Suite struct WalkTests {
    @Test func `every state that can be reached keeps every promise`() {
        let clock = ContinuousClock()
        var walk = Walk(Walk.Bounds())
        let time = clock.measure { walk.run() }
        print(
            "walk: \(walk.stateCount) states, \(walk.nodes.count) visits, \(walk.transitions) transitions, \(time)"
        )
        #expect(walk.violations.isEmpty, "\(walk.violations.joined(separator: "\n"))")
        let declared = Set(Transition.all.map { [$0.from, $0.to] })
        let missing = declared.subtracting(walk.arrows)
        print("not reached:", missing.map { "\($0[0])→\($0[1])" }.sorted())
    }
}
