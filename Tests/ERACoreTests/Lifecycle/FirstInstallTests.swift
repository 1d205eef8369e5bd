import Testing

@testable import ERACore

@Suite struct FirstInstallTests {
    @Test func `a first install goes through every phase to Running`() throws {
        var web = try Transcript()
        #expect(web.phase == .requested)
        #expect(
            try web.settle() == [
                "admitted", "Validate revision 1", "Fetch revision 1", "Prepare revision 1",
                "Install revision 1",
                "Start revision 1", "becameHealthy(revision 1)",
            ]
        )
        #expect(web.rest == "Running: idle")
        #expect(web.condition(.ready) == "true, Healthy")
        #expect(web.condition(.synced) == "true, UpToDate")
        #expect(web.condition(.reconciling) == "false, Converged")
        #expect(web.condition(.stalled) == "false, Progressing")
        #expect(try web.replayed() == web.record)
    }

    // design.md, section 1: what fails before Preparing leaves nothing to undo.
    @Test(arguments: [Step.validate(1), .fetch(1)])
    func `a permanent error before anything was made leads to Failed`(step: Step) throws {
        var web = try Transcript()
        web.prepare(step, .never)
        try web.settle()
        #expect(web.rest == "Failed: idle")
        #expect(web.record.quarantine?.failure == .never)
        #expect(web.condition(.stalled) == "true, FetchRefused")
        #expect(web.condition(.synced) == "false, RolledBack")
    }

    // design.md, section 1: later it is undone, and as there was no previous revision, Failed.
    @Test(arguments: [Step.prepare(1), .install(1), .start(1)])
    func `a permanent error after something was made is undone, then Failed`(step: Step) throws {
        var web = try Transcript()
        web.prepare(step, .never)
        let lines = try web.settle()
        #expect(lines.suffix(3) == ["\(step): FetchRefused", "displaced", "Remove revision 1"])
        #expect(web.rest == "Failed: idle")
        #expect(web.observed.instances[1] == nil)
    }

    @Test(arguments: [Step.validate(1), .fetch(1), .prepare(1), .install(1), .start(1)])
    func `a transient error is tried again after a growing delay, as often as the limit says`(
        step: Step
    ) throws {
        var web = try Transcript { $0.retry.limit = 2 }
        web.prepare(step, .later, .later, .later)
        try web.settle()
        #expect(web.rest.hasSuffix("RetryBackOff until 1.0"))
        #expect(web.restText.hasPrefix("trying again (attempt 2 of 3) after: "))
        web.pass(1)
        try web.settle()
        #expect(web.rest.hasSuffix("RetryBackOff until 3.0"))
        #expect(web.restText.hasPrefix("trying again (attempt 3 of 3) after: "))
        web.pass(2)
        try web.settle()
        #expect(web.rest == "Failed: idle")
    }

    @Test func `a server that names a time is asked again at that time`() throws {
        var web = try Transcript()
        web.prepare(.fetch(1), .transient(.fetchFailed, "busy", retryAfter: .seconds(90)))
        try web.settle()
        #expect(web.rest == "Fetching: RetryBackOff until 90.0")
    }

    @Test func `a program that exits at once is started again, then undone`() throws {
        var web = try Transcript { $0.retry.limit = 1 }
        try web.settle(until: .start(1))
        for _ in 0..<2 {
            try web.note(.stepSucceeded(.start(1), .done))
            web.observed.instances[1] = .ended(3)
            #expect(try web.settle(until: .start(1)).first == "instanceExited(revision 1: exit code 3)")
            web.pass(1)
        }
        #expect(web.rest == "Failed: idle")
        #expect(web.record.quarantine?.failure.code == .exited)
    }

    @Test func `a startup probe that fails undoes the first install`() throws {
        var web = try Transcript()
        web.observed.health[1] = .pending("waiting for the startup probe")
        try web.settle()
        #expect(web.rest == "HealthChecking: WaitingForHealth until 600.0")
        web.observed.health[1] = .failed(.transient(.startupProbeFailed, "no answer"))
        #expect(
            try web.settle() == [
                "becameUnhealthy(revision 1)", "Stop revision 1", "displaced", "Remove revision 1",
            ]
        )
        #expect(web.rest == "Failed: idle")
    }

    @Test func `minReadySeconds delay Running, from the moment of health`() throws {
        var web = try Transcript { $0.health.minReadySeconds = 30 }
        web.observed.health[1] = .healthy(since: at(7).uptime)
        web.now = 8
        try web.settle()
        #expect(web.rest == "HealthChecking: MinReadySeconds until 37.0")
        web.now = 37
        #expect(try web.settle() == ["becameHealthy(revision 1)"])
    }

    @Test func `a plugin that says it is not healthy yet is waited for`() throws {
        var web = try Transcript()
        try web.settle(until: .start(1))
        try web.note(.stepSucceeded(.start(1), .done))
        web.observed.instances[1] = .running(.init(pid: 1, startedAt: at(0).uptime, isHealthy: false))
        #expect(try web.settle() == [])
        #expect(web.rest == "HealthChecking: WaitingForHealth until 600.0")
    }

    @Test func `an install that was undone behind ERA's back is done again before the start`() throws {
        var web = try Transcript()
        try web.settle(until: .start(1))
        web.observed.instances[1] = nil
        #expect(try web.settle().prefix(2) == ["Install revision 1", "Start revision 1"])
    }

    // reliability.md: "plugin crashes, hangs, floods, lies".
    @Test(arguments: [Step.install(1), .start(1)])
    func `a plugin that lies is not asked without end`(step: Step) throws {
        var web = try Transcript { $0.retry.limit = 3 }
        for _ in 0..<40 { web.prepare(step, nil) }
        for _ in 0..<60 where web.phase != .failed {
            try web.settle()
            web.pass(60)
        }
        #expect(web.phase == .failed)
    }
}

@Suite struct DependencyTests {
    private let database = DeploymentKey(name: DeploymentName(checked: "database"))

    @Test func `it waits in Validating until its dependencies are Available`() throws {
        var web = try Transcript()
        web.observed.unmetDependencies = [database]
        try web.settle()
        #expect(web.rest == "Validating: DependenciesNotReady")
        web.observed.unmetDependencies = []
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    @Test func `the wait for dependencies is no lack of progress`() throws {
        var web = try Transcript()
        web.observed.unmetDependencies = [database]
        try web.settle()
        web.pass(3600)
        web.observed.unmetDependencies = []
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    @Test func `an update waits for dependencies while the old revision serves`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.observed.unmetDependencies = [database]
        #expect(try web.settle() == ["updateBegan"])
        #expect(web.rest == "Updating: DependenciesNotReady")
        #expect(web.record.isAvailable)
        web.pass(3600)
        web.observed.unmetDependencies = []
        try web.settle()
        #expect(web.record.servedRevision == 2)
    }

    @Test func `it is deleted after what depends on it`() throws {
        var web = try Transcript.running()
        try web.note(.deletionRequested)
        web.observed.dependents = [database]
        #expect(web.rest == "Stopping: DependentsExist")
        web.observed.dependents = []
        #expect(try web.settle().first == "Stop revision 1")
        #expect(web.rest == "Deleted: idle")
    }
}
