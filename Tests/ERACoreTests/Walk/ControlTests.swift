import Testing

@testable import ERACore

/// A checker that finds nothing wrong proves nothing; each of these decisions is wrong on purpose.
@Suite struct WalkControlTests {
    struct Mistake: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// A part of what the checker must say.
        var complaint: String
        var decide: @Sendable (DeploymentRecord, Observation, Timestamp, Jitter) -> Decision
    }

    static let mistakes = [
        // design.md, section 1: Updating fetches and prepares while the old one serves.
        Mistake(
            testDescription: "stops the old revision before it fetches",
            complaint: "which serves, before"
        ) {
            let decision = decide($0, observed: $1, now: $2, jitter: $3)
            guard case .updating(let update) = $0.state, update.serving != nil, case .run(.fetch) = decision,
                let old = $1.active(except: $0.target).first
            else { return decision }
            return .run(.stop(old))
        },
        Mistake(testDescription: "starts the new revision beside the old", complaint: "beside [") {
            let decision = decide($0, observed: $1, now: $2, jitter: $3)
            guard case .updating = $0.state, case .run(.stop) = decision else { return decision }
            return .run(.start($0.target))
        },
        Mistake(testDescription: "starts what was not prepared", complaint: "before it was prepared") {
            if case .preparing(let rollout) = $0.state { return .run(.start(rollout.target)) }
            return decide($0, observed: $1, now: $2, jitter: $3)
        },
        Mistake(testDescription: "knows no back-off", complaint: "spins when steps fail") {
            let later = Timestamp(uptime: $2.uptime + .seconds(300), wall: $2.wall)
            return decide($0, observed: $1, now: later, jitter: $3)
        },
        Mistake(testDescription: "removes what a rollback needs", complaint: "which is needed") {
            if case .running = $0.state, let previous = $0.previous { return .run(.purge(previous)) }
            return decide($0, observed: $1, now: $2, jitter: $3)
        },
        Mistake(testDescription: "tries a quarantined revision again", complaint: "which is quarantined") {
            if case .failed = $0.state { return .run(.start($0.target)) }
            return decide($0, observed: $1, now: $2, jitter: $3)
        },
        Mistake(testDescription: "forgets to start", complaint: "nothing happens any more in Activating") {
            if case .activating = $0.state { return .idle }
            return decide($0, observed: $1, now: $2, jitter: $3)
        },
        Mistake(testDescription: "looks again at a time that is past", complaint: "a time that is past") {
            if case .healthChecking = $0.state { return .wait(Wait(until: $2.uptime, reason: .minReady)) }
            return decide($0, observed: $1, now: $2, jitter: $3)
        },
        Mistake(testDescription: "believes that an instance ended", complaint: "illegal") {
            if case .installing = $0.state { return .record(.instanceExited($0.target, .unknown, $3)) }
            return decide($0, observed: $1, now: $2, jitter: $3)
        },
    ]

    @Test(arguments: mistakes)
    func `the walk catches a decision that is wrong`(mistake: Mistake) {
        var walk = Walk(Walk.Bounds(), decide: mistake.decide)
        walk.run()
        let complaints = walk.violations.map { $0.prefix { $0 != "\n" } }
        #expect(complaints.contains { $0.contains(mistake.complaint) }, "\(complaints)")
    }
}
