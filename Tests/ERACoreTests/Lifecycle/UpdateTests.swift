import Testing

@testable import ERACore

@Suite struct UpdateTests {
    @Test func `an update prepares the new revision while the old one serves, then replaces it`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        #expect(
            try web.settle(until: .stop(1)) == [
                "updateBegan", "Validate revision 2", "Fetch revision 2", "Prepare revision 2",
            ]
        )
        #expect(web.phase == .updating)
        #expect(web.condition(.available) == "true, Healthy")
        #expect(web.condition(.synced) == "false, Progressing")
        #expect(
            try web.settle() == [
                "Stop revision 1", "displaced", "Install revision 2", "Start revision 2",
                "becameHealthy(revision 2)",
            ]
        )
        #expect(web.rest == "Running: Baking until 10.0")
        #expect(web.record.previous == 1)
        web.pass(10)
        #expect(try web.settle() == ["bakeCompleted"])
        #expect(web.rest == "Running: idle")
        #expect(try web.replayed() == web.record)
    }

    @Test func `the revision before the previous one is removed from disk, and its history stays`() throws {
        var web = try Transcript.running()
        for number in 2...3 {
            try web.declare(number)
            try web.settle()
            web.pass(10)
        }
        try web.settle()
        #expect(web.record.onDisk == [2, 3])
        #expect(web.record.revisions.keys.sorted() == [1, 2, 3])
    }

    @Test func `history goes back as far as revisionHistoryLimit`() throws {
        var web = try Transcript.running { $0.revisionHistoryLimit = 1 }
        for number in 2...5 {
            try web.declare(number)
            try web.settle()
            web.pass(10)
        }
        try web.settle()
        #expect(web.record.revisions.keys.sorted() == [3, 4, 5])
    }

    // design.md, section 1: what fails while the old one serves costs it nothing.
    @Test(arguments: [Step.validate(2), .fetch(2), .prepare(2)])
    func `a failure before the stop leaves the old revision running`(step: Step) throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(step, .never)
        let lines = try web.settle()
        #expect(!lines.contains("Stop revision 1"))
        #expect(web.rest == "Running: RolledBack")
        #expect(web.record.servedRevision == 1)
        #expect(web.condition(.ready) == "false, RolledBack")
        #expect(web.condition(.available) == "true, Healthy")
        #expect(web.condition(.stalled) == "true, FetchRefused")
    }

    @Test(arguments: [Step.install(2), .start(2)])
    func `a failure after the stop restores the old revision and probes it`(step: Step) throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(step, .never)
        let lines = try web.settle()
        #expect(
            lines.suffix(5) == [
                "\(step): FetchRefused", "displaced", "Remove revision 2", "Start revision 1",
                "becameHealthy(revision 1)",
            ]
        )
        #expect(web.rest == "Running: RolledBack")
        #expect(web.record.target == 1)
    }

    @Test func `a failed health check restores the last healthy revision`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.observed.health[2] = .failed(.transient(.startupProbeFailed, "no answer"))
        #expect(
            try web.settle().suffix(6) == [
                "becameUnhealthy(revision 2)", "Stop revision 2", "displaced", "Remove revision 2",
                "Start revision 1", "becameHealthy(revision 1)",
            ]
        )
    }

    @Test func `a crash in the bake time rolls back, one after it restarts`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        web.observed.instances[2] = .ended(1)
        #expect(try web.settle().first == "instanceExited(revision 2: exit code 1)")
        #expect(web.rest == "Running: RolledBack")
        #expect(web.record.servedRevision == 1)

        try web.ask(.retry)
        try web.settle()
        web.pass(10)
        try web.settle()
        web.observed.instances[2] = .ended(1)
        try web.settle()
        #expect(web.record.servedRevision == 2)
        #expect(web.rest == "Running: idle")
    }

    @Test(arguments: [(9.0, 1), (11.0, 2)])
    func `what counts is when it ended, not when somebody looked`(_ endedAt: Double, _ serves: Int) throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        // Nobody looks while the bake time of ten seconds ends.
        web.observed.instances[2] = .exited(
            InstanceStatus.Exited(status: .code(1), at: at(web.now + endedAt).uptime)
        )
        web.pass(60)
        try web.settle()
        #expect(web.record.servedRevision == RevisionNumber(serves))
    }

    @Test func `the step that stops what serves is on disk before it is taken`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle(until: .stop(1))
        guard case .updating(var update) = web.record.state else {
            Issue.record("stop is no step of \(web.phase)")
            return
        }
        #expect(update.step == .stop)
        update.step = .prepare
        var before = web.record
        before.state = .updating(update)
        #expect(before.mustPersist(before: web.record))
    }

    @Test func `lost readiness in the bake time rolls back`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        web.observed.health[2] = .unready("readiness probe: 503")
        try web.settle()
        #expect(web.record.servedRevision == 1)
        #expect(web.record.quarantine?.failure.code == .readinessLost)
    }

    @Test func `without rollback a failed update ends in Failed`() throws {
        var web = try Transcript.running { $0.rollback.enabled = false }
        try web.declare(2)
        web.prepare(.start(2), .never)
        try web.settle()
        #expect(web.rest == "Failed: idle")
        #expect(web.record.quarantine != nil)
    }

    @Test func `without rollback the old revision still goes on when it never stopped`() throws {
        var web = try Transcript.running { $0.rollback.enabled = false }
        try web.declare(2)
        web.prepare(.fetch(2), .never)
        try web.settle()
        #expect(web.rest == "Running: RolledBack")
    }

    @Test func `a revision that was replaced before it ran is superseded, until it is tried again`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.fetch(2), .later)
        try web.settle()
        #expect(web.record.outcomes[2]?.verdict == .pending)
        try web.declare(3)
        #expect(web.record.outcomes[2]?.verdict == .superseded)
        #expect(web.record.outcomes[2]?.firstRunningAt == nil)
        try web.ask(.rollback(to: 2))
        #expect(web.record.outcomes[2]?.verdict == .pending)
        #expect(web.record.outcomes[3]?.verdict == .superseded)
    }

    @Test func `the old revision is restarted when it crashes while the new one is prepared`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.fetch(2), .later)
        try web.settle()
        web.observed.instances[1] = .ended(1)
        #expect(
            try web.settle() == [
                "instanceExited(revision 1: exit code 1)", "Start revision 1", "readinessChanged(ready)",
            ]
        )
        #expect(web.rest == "Updating: RetryBackOff until 1.0")
        #expect(web.record.isAvailable)
    }

    @Test func `the old revision is stopped and started when its liveness fails during an update`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.fetch(2), .later)
        try web.settle()
        web.observed.health[1] = .failed(.transient(.livenessProbeFailed, "no answer"))
        #expect(try web.settle(until: .start(1)) == ["becameUnhealthy(revision 1)", "Stop revision 1"])
        web.observed.health[1] = nil
        #expect(try web.settle() == ["Start revision 1", "readinessChanged(ready)"])
    }

    @Test func `an old revision that cannot be stopped during an update is not asked without end`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.fetch(2), .later)
        try web.settle()
        web.observed.health[1] = .failed(.transient(.livenessProbeFailed, "no answer"))
        web.prepare(.stop(1), .transient(.stopStuck, "it does not end"))
        #expect(try web.settle() == ["becameUnhealthy(revision 1)", "Stop revision 1: StopStuck"])
        #expect(web.rest == "Updating: RetryBackOff until 1.0")
    }

    @Test func `a completed job is not run again by an update that fails before it`() throws {
        var job = try Transcript.running { $0.restart.policy = .onFailure }
        job.observed.instances[1] = .ended(0)
        try job.settle()
        try job.declare(2)
        job.prepare(.fetch(2), .never)
        let lines = try job.settle()
        #expect(!lines.contains("Start revision 1"))
        #expect(job.phase == .running)
        #expect(job.condition(.available) == "true, Completed")
    }

    @Test func `a job that ends while its successor is prepared is not started again`() throws {
        var job = try Transcript.running { $0.restart.policy = .never }
        try job.declare(2)
        job.prepare(.fetch(2), .later)
        try job.settle()
        job.observed.instances[1] = .ended(0)
        #expect(try job.settle() == ["instanceExited(revision 1: exit code 0)"])
        job.pass(1)
        let lines = try job.settle()
        #expect(!lines.contains("Start revision 1"))
        #expect(job.record.servedRevision == 2)
    }

    @Test func `a stop that lasts is asked for again, ever later, until the deadline`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        for _ in 0..<20 { web.prepare(.stop(1), .transient(.stopStuck, "processes outlive the kill")) }
        try web.settle()
        #expect(web.rest == "Updating: RetryBackOff until 1.0")
        while web.phase == .updating {
            try web.settle()
            web.pass(30)
        }
        #expect(web.record.quarantine?.failure.code == .progressDeadlineExceeded)
    }
}
