import Testing

@testable import ERACore

@Suite struct RestartTests {
    private func crash(_ web: inout Transcript, _ code: Int32 = 1) throws {
        web.observed.instances[1] = .ended(code)
        try web.settle(until: .start(1))
    }

    // reliability.md: "restarts of a crashed workload: at once, then the same curve".
    @Test func `the first crash is restarted at once, the next after 1, 2, 4 seconds, at most maxDelay`()
        throws
    {
        var web = try Transcript.running { $0.restart.maxDelay = .seconds(5) }
        var delays: [Double] = []
        for _ in 0..<6 {
            try crash(&web)
            let began = web.now
            if case .wait(let wait) = web.decision, let until = wait.until {
                #expect(wait.reason == .crashBackOff(.code(1)))
                web.now = until.sinceBoot.inSeconds
            }
            delays.append(web.now - began)
            try web.settle()
            #expect(web.phase == .running)
        }
        #expect(delays == [0, 1, 2, 4, 5, 5])
        #expect(web.record.servedRevision == 1)
    }

    @Test func `a workload that stayed up for resetAfter is restarted at once again`() throws {
        var web = try Transcript.running()
        for _ in 0..<3 {
            try crash(&web)
            web.pass(10)
            try web.settle()
        }
        web.pass(600)
        try crash(&web)
        #expect(web.decision == .run(.start(1)))
    }

    @Test func `the pause before a restart is no time of health`() throws {
        var web = try Transcript.running { $0.restart = RestartSpec(resetAfter: .seconds(2)) }
        var consecutive: [Int] = []
        for _ in 0..<5 {
            try crash(&web)
            guard case .activating(let activation) = web.record.state,
                case .restart(let serving) = activation.purpose
            else {
                Issue.record("\(web.rest) is no restart")
                return
            }
            consecutive.append(serving.restarts.consecutive)
            web.pass(10)
            try web.settle()
        }
        // Ten seconds pass each time, all of them in back-off; the workload itself ends as soon as it runs.
        #expect(consecutive == [1, 2, 3, 4, 5])
    }

    @Test func `a crash is a crash by signal or unknown end, too`() throws {
        for status in [ExitStatus.signal(9), .unknown, .code(0)] {
            var web = try Transcript.running()
            web.observed.instances[1] = .exited(.init(status: status, at: nil))
            let lines = try web.settle()
            #expect(
                lines == [
                    "instanceExited(revision 1: \(status))", "Start revision 1", "becameHealthy(revision 1)",
                ]
            )
        }
    }

    @Test func `lost liveness stops the workload before it is started again`() throws {
        var web = try Transcript.running()
        web.observed.health[1] = .failed(.transient(.livenessProbeFailed, "no answer"))
        #expect(try web.settle(until: .start(1)) == ["becameUnhealthy(revision 1)", "Stop revision 1"])
        web.observed.health[1] = nil
        #expect(try web.settle() == ["Start revision 1", "becameHealthy(revision 1)"])
    }

    @Test func `lost readiness restarts nothing and shows`() throws {
        var web = try Transcript.running()
        web.observed.health[1] = .unready("readiness probe: 503")
        #expect(try web.settle() == ["readinessChanged(unready)"])
        #expect(web.rest == "Running: idle")
        #expect(web.condition(.ready) == "false, NotReady")
        web.observed.health[1] = nil
        #expect(try web.settle() == ["readinessChanged(ready)"])
        #expect(web.condition(.ready) == "true, Healthy")
    }

    @Test func `a workload whose stop fails before a restart is not asked without end`() throws {
        var web = try Transcript.running()
        try web.ask(.restart)
        web.prepare(.stop(1), .transient(.stopStuck, "processes outlive the kill"))
        #expect(try web.settle() == ["Stop revision 1: StopStuck"])
        #expect(web.rest == "Activating: RetryBackOff until 1.0")
        #expect(web.restText.hasPrefix("trying again (attempt 2) after: "), "a stop is tried for ever")
        web.pass(1)
        #expect(try web.settle() == ["Stop revision 1", "Start revision 1", "becameHealthy(revision 1)"])
    }

    @Test func `restart stops and starts what runs, and counts as no crash`() throws {
        var web = try Transcript.running()
        try web.ask(.restart)
        #expect(try web.settle() == ["Stop revision 1", "Start revision 1", "becameHealthy(revision 1)"])
        guard case .running(let serving) = web.record.state else {
            return #expect(Bool(false), "\(web.phase)")
        }
        #expect(serving.restarts.total == 0)
    }

    // Found by a wider walk: the restart forgot the newer declaration.
    @Test func `restart between a declaration and its update forgets neither`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.ask(.restart)
        let lines = try web.settle()
        #expect(lines.prefix(2) == ["Stop revision 1", "Start revision 1"])
        #expect(web.record.servedRevision == 2)
    }

    @Test func `restart does not wait for the back-off of a crash`() throws {
        var web = try Transcript.running()
        for _ in 0..<3 {
            try crash(&web)
            web.pass(1)
            try web.settle()
        }
        #expect(web.rest.hasPrefix("Activating: CrashBackOff"))
        try web.ask(.restart)
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    @Test func `an instance that disappeared is installed and started again`() throws {
        var web = try Transcript.running()
        web.observed.instances[1] = nil
        #expect(
            try web.settle() == [
                "instanceExited(revision 1: exit status unknown)", "Install revision 1", "Start revision 1",
                "becameHealthy(revision 1)",
            ]
        )
    }

    @Test func `a start that fails after a crash is tried again for ever, ever later`() throws {
        var web = try Transcript.running { $0.retry.limit = 1 }
        for _ in 0..<12 { web.prepare(.start(1), .never) }
        try crash(&web)
        for _ in 0..<12 {
            try web.settle()
            #expect(
                web.rest.hasPrefix("Activating: RetryBackOff")
                    || web.rest.hasPrefix("Activating: CrashBackOff")
            )
            web.pass(300)
        }
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    @Test func `nothing is concluded while nobody can tell what runs`() throws {
        var web = try Transcript.running()
        web.observed.instances = [:]
        web.observed.unobservable = [1: .transient(.timeout, "the plugin does not answer")]
        #expect(try web.settle() == [])
        #expect(web.rest == "Running: RetryBackOff")
        web.observed.unobservable = [:]
        web.observed.instances = [1: .up()]
        #expect(web.rest == "Running: idle")
    }
}

@Suite struct JobTests {
    @Test(arguments: [RestartSpec.Policy.never, .onFailure])
    func `a job that ends well is complete, and stays so`(policy: RestartSpec.Policy) throws {
        var job = try Transcript.running { $0.restart.policy = policy }
        job.observed.instances[1] = .ended(0)
        #expect(try job.settle() == ["instanceExited(revision 1: exit code 0)"])
        #expect(job.rest == "Running: idle")
        #expect(job.condition(.ready) == "true, Completed")
        try job.reboot()
        #expect(try job.settle() == [])
        #expect(job.rest == "Running: idle")
    }

    @Test func `a job that ends before it was ever healthy is complete as well`() throws {
        var job = try Transcript { $0.restart.policy = .never }
        try job.settle(until: .start(1))
        try job.note(.stepSucceeded(.start(1), .done))
        job.observed.instances[1] = .ended(0)
        try job.settle()
        #expect(job.condition(.ready) == "true, Completed")
    }

    @Test func `a job that is never restarted and ends badly is Failed`() throws {
        var job = try Transcript.running { $0.restart.policy = .never }
        job.observed.instances[1] = .ended(2)
        try job.settle()
        #expect(job.rest == "Failed: idle")
        try job.ask(.retry)
        try job.settle()
        #expect(job.phase == .running)
    }

    @Test func `a job that is restarted on failure is`() throws {
        var job = try Transcript.running { $0.restart.policy = .onFailure }
        job.observed.instances[1] = .ended(2)
        #expect(try job.settle().contains("Start revision 1"))
    }

    @Test func `a job that ends badly in its bake time rolls back`() throws {
        var job = try Transcript.running { $0.restart.policy = .never }
        try job.declare(2)
        try job.settle()
        job.observed.instances[2] = .ended(2)
        try job.settle()
        #expect(job.record.servedRevision == 1)
    }

    @Test func `restart runs a completed job once more`() throws {
        var job = try Transcript.running { $0.restart.policy = .never }
        job.observed.instances[1] = .ended(0)
        try job.settle()
        try job.ask(.restart)
        #expect(try job.settle() == ["Start revision 1", "becameHealthy(revision 1)"])
    }
}
