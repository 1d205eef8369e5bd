import Testing

@testable import ERACore

@Suite struct TimeTests {
    // design.md, section 2: update.progressDeadline.
    @Test(arguments: [Step.fetch(1), .prepare(1), .install(1), .start(1)])
    func `a first install without progress is given up at the deadline`(step: Step) throws {
        var web = try Transcript { $0.retry = RetrySpec(limit: 1000, maxDelay: .seconds(60)) }
        for _ in 0..<100 { web.prepare(step, .later) }
        while web.phase != .failed, web.now < 2000 {
            try web.settle()
            guard case .wait(let wait) = web.decision, let until = wait.until else { break }
            web.now = until.sinceBoot.inSeconds
        }
        #expect(web.rest == "Failed: idle")
        #expect(web.now == 600)
        #expect(web.record.quarantine?.failure.code == .progressDeadlineExceeded)
        #expect(web.record.quarantine?.failure.message.contains("the server is busy") == true)
    }

    @Test func `health that does not come is given up at the deadline, and the old revision restored`() throws
    {
        var web = try Transcript.running()
        try web.declare(2)
        web.observed.health[2] = .pending("waiting for the readiness probe")
        try web.settle()
        #expect(web.rest == "HealthChecking: WaitingForHealth until 600.0")
        web.pass(600)
        try web.settle()
        #expect(web.record.servedRevision == 1)
    }

    @Test func `a rollback without progress is given up at the deadline`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.start(2), .never)
        web.observed.health[1] = nil
        try web.settle(until: .stop(1))
        web.observed.health[1] = .pending("waiting")
        try web.settle()
        #expect(web.rest == "RollingBack: WaitingForHealth until 600.0")
        web.pass(600)
        try web.settle()
        #expect(web.rest == "RollbackFailed: idle")
    }

    @Test func `each step that works begins the deadline anew`() throws {
        var web = try Transcript()
        for step in [Step.fetch(1), .prepare(1), .install(1), .start(1)] {
            try web.settle(until: step)
            web.pass(599)
        }
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    @Test func `no deadline runs while ERA is away`() throws {
        var web = try Transcript()
        web.prepare(.fetch(1), .later)
        try web.settle()
        web.pass(7200)
        try web.note(.resumed(rebooted: false))
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    @Test func `after a reboot everything is started again at once, and no crash is counted`() throws {
        var web = try Transcript.running()
        web.now = 50_000
        try web.reboot()
        #expect(web.rest == "Activating: would run Start revision 1")
        #expect(web.condition(.available) == "false, Restarting")
        try web.settle()
        #expect(web.rest == "Running: idle")
        guard case .running(let serving) = web.record.state else { return }
        #expect(serving.restarts.total == 0)
    }

    @Test func `a reboot in the bake time is no failure of the new version, which is watched again`() throws {
        var web = try Transcript.running()
        web.now = 9000
        try web.declare(2)
        try web.settle()
        try web.reboot()
        try web.settle()
        #expect(web.rest == "Running: Baking until 15.0")
        #expect(web.record.servedRevision == 2)
        web.observed.instances[2] = .ended(1)
        try web.settle()
        #expect(web.record.servedRevision == 1)
    }

    @Test func `a reboot during a first start is no failure of it`() throws {
        var web = try Transcript { $0.retry.limit = 0 }
        web.observed.health[1] = .pending("waiting")
        web.now = 9000
        try web.settle()
        try web.reboot()
        web.observed.health[1] = nil
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    @Test func `a reboot during an update starts the old revision again, then goes on`() throws {
        var web = try Transcript.running()
        web.now = 9000
        try web.declare(2)
        web.prepare(.fetch(2), .later)
        try web.settle()
        try web.reboot()
        let lines = try web.settle()
        #expect(lines.first == "Start revision 1")
        #expect(web.record.servedRevision == 2)
    }

    // Found by a wider walk: the restart of a new version failed, and its
    // rollback forgot the newer declaration.
    @Test func `a reboot between a declaration and its update forgets neither`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        try web.declare(3)
        try web.reboot()
        #expect(web.phase == .updating)
        web.prepare(.start(2), .never)
        web.prepare(.fetch(3), .later)
        try web.settle()
        #expect(web.record.servedRevision == 2)
        web.pass(1)
        try web.settle()
        #expect(web.record.servedRevision == 3)
    }

    @Test func `a reboot during a rollback starts the restored revision again`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.start(2), .never)
        try web.settle(until: .start(1))
        try web.note(.stepSucceeded(.start(1), .done))
        try web.reboot()
        try web.settle()
        #expect(web.rest == "Running: RolledBack")
        #expect(web.record.servedRevision == 1)
    }

    @Test(arguments: [Int64(-315_360_000), 315_360_000])
    func `setting the wall clock by ten years decides nothing`(seconds: Int64) throws {
        let web = try Transcript.running()
        let moved = Timestamp(
            uptime: at(web.now).uptime,
            wall: WallTime(sinceEpoch: at(web.now).wall.sinceEpoch + .seconds(seconds))
        )
        #expect(decide(web.record, observed: web.observed, now: moved, jitter: .none) == web.decision)
    }
}

@Suite struct DurabilityTests {
    @Test func `a changed target must be on disk before any effect`() throws {
        var web = try Transcript.running()
        let before = web.record
        try web.declare(2)
        #expect(before.mustPersist(before: web.record))
    }

    @Test func `progress that observation finds again need not`() throws {
        var web = try Transcript()
        try web.settle(until: .fetch(1))
        let before = web.record
        try web.note(.stepSucceeded(.fetch(1), .fetched(nil)))
        #expect(!before.mustPersist(before: web.record))
    }

    @Test func `what allows a revision to be removed from disk must be on disk first`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        web.pass(10)
        try web.settle()
        try web.declare(3)
        web.observed.health[3] = .pending("waiting")
        try web.settle()
        let before = web.record
        try web.note(.becameHealthy(3))
        #expect(before.mustPersist(before: web.record))
    }
}
