import Testing

@testable import ERACore

@Suite struct RollbackTests {
    /// Revision 1 serves, revision 2 is declared and failed.
    private func rolledBack() throws -> Transcript {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.start(2), .never)
        try web.settle()
        #expect(web.rest == "Running: RolledBack")
        return web
    }

    /// Revision 2 failed, and revision 1 could not be restored.
    private func rollbackFailed(_ step: Step = .start(1)) throws -> Transcript {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.start(2), .never)
        web.prepare(step, .never)
        try web.settle()
        #expect(web.rest == "RollbackFailed: idle")
        return web
    }

    @Test func `a quarantined revision is not tried again, however long it is declared`() throws {
        var web = try rolledBack()
        web.pass(100_000)
        try web.note(.resumed(rebooted: false))
        #expect(try web.settle() == [])
        #expect(web.rest == "Running: RolledBack")
    }

    @Test func `a new version that ends before it was healthy is rolled back at once`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.observed.health[2] = .pending("waiting for the startup probe")
        #expect(try web.settle().last == "Start revision 2")
        web.observed.instances[2] = .exited(InstanceStatus.Exited(status: .code(1), at: nil))
        #expect(try web.settle().first == "instanceExited(revision 2: exit code 1)")
        #expect(web.record.servedRevision == 1)
        #expect(web.rest == "Running: RolledBack")
    }

    @Test func `a new generation releases the quarantine`() throws {
        var web = try rolledBack()
        try web.declare(3)
        try web.settle()
        #expect(web.record.servedRevision == 3)
        #expect(web.record.quarantine == nil)
    }

    @Test func `a changed policy of the quarantined revision is a new generation, too`() throws {
        var web = try rolledBack()
        try web.declare(2) { $0.stop.grace = .seconds(1) }
        try web.settle()
        #expect(web.record.servedRevision == 2)
        #expect(web.record.generation == 3)
    }

    @Test func `a label is no change of the spec and releases nothing`() throws {
        var web = try rolledBack()
        var declaration = web.record.declaration
        declaration.deployment.metadata.labels = ["tier": "front"]
        try web.note(.declared(declaration, revision: nil, uid: "a"))
        #expect(web.rest == "Running: RolledBack")
    }

    @Test func `retry releases the quarantine`() throws {
        var web = try rolledBack()
        try web.ask(.retry)
        try web.settle()
        #expect(web.record.servedRevision == 2)
        #expect(web.condition(.ready) == "true, Healthy")
    }

    @Test func `retry has nothing to do where the declared revision serves`() throws {
        var web = try Transcript.running()
        #expect(throws: IllegalTransition.self) { try web.ask(.retry) }
    }

    @Test func `declaring the restored revision again leaves it alone`() throws {
        var web = try rolledBack()
        try web.declare(1)
        #expect(try web.settle() == ["Purge revision 2"] || web.rest == "Running: idle")
        #expect(web.rest == "Running: idle")
        #expect(web.condition(.ready) == "true, Healthy")
    }

    // design.md, section 1: a permanent error, or no retries left, in RollingBack.
    @Test func `a restored revision that cannot be started leads to RollbackFailed`() throws {
        let web = try rollbackFailed()
        #expect(web.condition(.stalled) == "true, FetchRefused")
        #expect(web.condition(.available) == "false, RollbackFailed")
    }

    @Test func `a restored revision that stays unhealthy leads to RollbackFailed`() throws {
        var web = try Transcript.running { $0.retry.limit = 1 }
        try web.declare(2)
        web.prepare(.start(2), .never)
        web.observed.health[1] = nil
        try web.settle(until: .start(2))
        web.observed.health[1] = .failed(.transient(.livenessProbeFailed, "dead"))
        try web.settle()
        #expect(web.rest == "RollingBack: RetryBackOff until 1.0" || web.phase == .rollingBack)
        web.pass(1)
        try web.settle()
        web.pass(5)
        try web.settle()
        #expect(web.rest == "RollbackFailed: idle")
    }

    @Test func `files of the failed revision that cannot be removed do not keep the old one down`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.start(2), .never)
        web.prepare(.remove(2), .never)
        try web.settle()
        #expect(web.rest == "Running: RolledBack")
        #expect(web.record.servedRevision == 1)
    }

    @Test func `RollbackFailed ends with a new generation`() throws {
        var web = try rollbackFailed()
        try web.declare(3)
        try web.settle()
        #expect(web.record.servedRevision == 3)
    }

    @Test func `RollbackFailed ends with retry`() throws {
        var web = try rollbackFailed()
        try web.ask(.retry)
        #expect(web.phase == .validating)
        try web.settle()
        #expect(web.record.servedRevision == 2)
    }

    @Test func `RollbackFailed ends with a rollback to a revision`() throws {
        var web = try rollbackFailed()
        try web.ask(.rollback(to: 1))
        try web.settle()
        #expect(web.record.servedRevision == 1)
        #expect(web.rest.hasPrefix("Running"))
        #expect(web.condition(.synced) == "false, RolledBackByOperator")
    }

    @Test func `RollbackFailed ends with accept of what runs`() throws {
        var web = try rollbackFailed()
        web.observed.instances[1] = .up()
        try web.ask(.accept(1))
        #expect(try web.settle() == [])
        #expect(web.rest == "Running: RolledBack")
        #expect(web.record.servedRevision == 1)
    }

    // Found by a wider walk: nothing said why the declared revision did not serve.
    @Test func `accept of what is not declared says why the declared revision does not serve`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        web.prepare(.start(2), .never)
        web.prepare(.remove(2), .never)
        try web.settle(until: .start(1))
        try web.declare(1)
        web.prepare(.start(1), .never)
        try web.settle()
        #expect(web.rest == "RollbackFailed: idle")
        web.observed.instances[2] = .up()
        try web.ask(.accept(2))
        #expect(web.rest == "Running: RolledBackByOperator")
        #expect(web.record.quarantine?.failure.code == .rolledBackByOperator)
    }

    @Test func `what was never installed cannot be accepted`() throws {
        var web = try rollbackFailed()
        #expect(throws: IllegalTransition.self) { try web.ask(.accept(2)) }
        #expect(throws: IllegalTransition.self) { try web.ask(.accept(7)) }
    }

    @Test func `an undo that fails leads to RollbackFailed, and retry out of it`() throws {
        var web = try Transcript()
        web.prepare(.install(1), .never)
        web.prepare(.remove(1), .never)
        try web.settle()
        #expect(web.rest == "RollbackFailed: idle")
        try web.ask(.retry)
        try web.settle()
        #expect(web.rest == "Running: idle")
    }

    // MARK: By hand

    @Test func `a rollback by hand goes to the revision and stays there`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        web.pass(10)
        try web.settle()
        try web.ask(.rollback(to: 1))
        try web.settle()
        web.pass(10)
        try web.settle()
        #expect(web.rest == "Running: RolledBackByOperator")
        #expect(web.record.servedRevision == 1)
        #expect(web.record.quarantine?.failure.code == .rolledBackByOperator)
        #expect(web.condition(.synced) == "false, RolledBackByOperator")

        try web.ask(.rollback(to: 2))
        try web.settle()
        web.pass(10)
        try web.settle()
        #expect(web.rest == "Running: idle")
        #expect(web.record.quarantine == nil)
    }

    @Test func `a rollback by hand that fails leaves the declared revision serving, without quarantine`()
        throws
    {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        web.pass(10)
        try web.settle()
        try web.ask(.rollback(to: 1))
        web.prepare(.fetch(1), .never)
        try web.settle()
        #expect(web.record.servedRevision == 2)
        #expect(web.rest == "Running: idle")
        #expect(web.condition(.ready) == "true, Healthy")
    }

    @Test func `retry during a rollback by hand goes to what is declared`() throws {
        var web = try Transcript.running()
        try web.declare(2)
        try web.settle()
        web.pass(10)
        try web.settle()
        try web.ask(.rollback(to: 1))
        web.prepare(.fetch(1), .later)
        try web.settle()
        try web.ask(.retry)
        try web.settle()
        #expect(web.record.servedRevision == 2)
        #expect(web.rest == "Running: idle")
    }

    @Test func `there is no rollback to a revision that nobody knows, nor of what is being deleted`() throws {
        var web = try Transcript.running()
        #expect(throws: IllegalTransition.self) { try web.ask(.rollback(to: 9)) }
        try web.note(.deletionRequested)
        #expect(throws: IllegalTransition.self) { try web.ask(.rollback(to: 1)) }
    }
}
