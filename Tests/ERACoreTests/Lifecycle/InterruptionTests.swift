import Testing

@testable import ERACore

/// A newer generation or a delete interrupts any phase, also a wait (design.md, section 1).
@Suite struct InterruptionTests {
    /// Ways into each phase.
    enum Way: String, CaseIterable, Sendable {
        case requested, validating, fetching, preparing, installing, activating, healthChecking, running
        case baking, crashBackOff, updatingFetch, updatingStop, rollingBack, restoring, failed, rollbackFailed

        func go() throws -> Transcript {
            switch self {
            case .requested: return try Transcript()
            case .validating: return try first(.validate(1))
            case .fetching: return try first(.fetch(1))
            case .preparing: return try first(.prepare(1))
            case .installing: return try first(.install(1))
            case .activating: return try first(.start(1))
            case .healthChecking:
                var web = try Transcript()
                web.observed.health[1] = .pending("waiting")
                try web.settle()
                return web
            case .running: return try Transcript.running()
            case .baking:
                var web = try Transcript.running()
                try web.declare(2)
                try web.settle()
                return web
            case .crashBackOff:
                var web = try Transcript.running()
                for _ in 0..<2 {
                    web.observed.instances[1] = .ended(1)
                    try web.settle()
                }
                return web
            case .updatingFetch: return try update(.fetch(2), .later)
            case .updatingStop: return try update(.stop(1), .later)
            case .rollingBack: return try update(.start(2), .never, until: .remove(2))
            case .restoring: return try update(.start(2), .never, until: .start(1))
            case .failed:
                var web = try Transcript()
                web.prepare(.fetch(1), .never)
                try web.settle()
                return web
            case .rollbackFailed:
                var web = try Transcript.running()
                try web.declare(2)
                web.prepare(.start(2), .never)
                web.prepare(.start(1), .never)
                try web.settle()
                return web
            }
        }

        private func first(_ step: Step) throws -> Transcript {
            var web = try Transcript()
            try web.settle(until: step)
            return web
        }

        private func update(_ step: Step, _ failure: Failure, until end: Step? = nil) throws -> Transcript {
            var web = try Transcript.running()
            try web.declare(2)
            web.prepare(step, failure)
            try web.settle(until: end)
            return web
        }

        var phase: Phase {
            switch self {
            case .requested: .requested
            case .validating: .validating
            case .fetching: .fetching
            case .preparing: .preparing
            case .installing: .installing
            case .activating, .crashBackOff: .activating
            case .healthChecking: .healthChecking
            case .running, .baking: .running
            case .updatingFetch, .updatingStop: .updating
            case .rollingBack, .restoring: .rollingBack
            case .failed: .failed
            case .rollbackFailed: .rollbackFailed
            }
        }
    }

    @Test(arguments: Way.allCases)
    func `a newer revision takes over from every phase`(way: Way) throws {
        var web = try way.go()
        #expect(web.phase == way.phase)
        try web.declare(3)
        web.observed.health = [:]
        try web.settle()
        #expect(web.record.servedRevision == web.record.declaration.revision)
        #expect(web.observed.active(except: web.record.target).isEmpty)
        web.pass(10)
        try web.settle()
        #expect(web.rest == "Running: idle")
        #expect(try web.replayed() == web.record)
    }

    @Test(arguments: Way.allCases)
    func `what is declared again with another policy goes on from every phase`(way: Way) throws {
        var web = try way.go()
        let number = Int(web.record.declaration.deployment.spec.version.major)
        try web.declare(number) { $0.stop.grace = .seconds(3) }
        web.observed.health = [:]
        try web.settle()
        web.pass(10)
        try web.settle()
        #expect(web.record.servedRevision == web.record.declaration.revision)
        #expect(web.rest == "Running: idle")
    }

    @Test(arguments: Way.allCases)
    func `a delete leads to Deleted from every phase`(way: Way) throws {
        var web = try way.go()
        try web.note(.deletionRequested)
        #expect(web.phase == .stopping)
        let lines = try web.settle()
        #expect(web.rest == "Deleted: idle")
        #expect(lines.last == "RemoveVolumes")
        #expect(web.observed.instances.isEmpty)
        #expect(web.record.onDisk.isEmpty)
        #expect(throws: IllegalTransition.self) { try web.note(.deletionRequested) }
        #expect(try web.replayed() == web.record)
    }

    @Test(arguments: Way.allCases)
    func `an interruption makes the outcome of a step under way meaningless`(way: Way) throws {
        var web = try way.go()
        let before = web.record.epoch
        try web.declare(3)
        #expect(web.record.epoch > before)
        let between = web.record.epoch
        try web.note(.deletionRequested)
        #expect(web.record.epoch > between)
    }

    @Test(arguments: Way.allCases)
    func `held, it is left exactly as it is, and goes on when it is released`(way: Way) throws {
        var web = try way.go()
        try web.ask(.hold)
        let instances = web.observed.instances
        #expect(try web.settle() == [])
        #expect(web.rest == "\(way.phase): Suspended")
        #expect(web.observed.instances == instances)
        web.pass(100_000)
        try web.ask(.release)
        web.observed.health = [:]
        try web.settle()
        web.pass(10)
        try web.settle()
        #expect(web.phase == .running || web.phase == way.phase)
        #expect(web.record.quarantine?.failure.code != .progressDeadlineExceeded)
    }

    @Test func `declaring what still runs ends the update at once`() throws {
        var web = try Way.updatingFetch.go()
        try web.declare(1)
        #expect(web.phase == .running)
        #expect(try !web.settle().contains("Start revision 1"))
        #expect(web.condition(.ready) == "true, Healthy")
    }

    @Test func `declaring what was told to stop starts it again`() throws {
        var web = try Way.updatingStop.go()
        web.observed.instances[1] = .stopping
        try web.declare(1)
        #expect(web.phase == .activating)
        #expect(try web.settle().prefix(2) == ["Stop revision 1", "Start revision 1"])
        #expect(web.record.servedRevision == 1)
    }

    @Test func `a crashed revision goes on being restarted while its successor is fetched`() throws {
        var web = try Way.crashBackOff.go()
        try web.declare(2)
        web.prepare(.fetch(2), .later)
        try web.settle()
        #expect(web.phase == .updating)
        web.pass(1)
        web.prepare(.fetch(2), .later)
        #expect(try web.settle().contains("Start revision 1"))
        #expect(web.record.isAvailable)
    }

    @Test func `a newer generation that fails in turn restores what a rollback was about to restore`() throws
    {
        var web = try Way.restoring.go()
        try web.declare(3)
        web.prepare(.fetch(3), .never)
        try web.settle()
        #expect(web.record.servedRevision == 1)
        #expect(web.rest == "Running: RolledBack")
    }

    @Test func `suspend in the manifest holds, its end goes on`() throws {
        var web = try Transcript.running()
        try web.declare(2) { $0.suspend = true }
        #expect(try web.settle() == [])
        #expect(web.rest == "Running: Suspended")
        web.observed.instances[1] = .ended(1)
        #expect(try web.settle() == [])
        web.observed.instances[1] = .up()
        try web.declare(2)
        try web.settle()
        #expect(web.record.servedRevision == 2)
    }

    @Test func `a suspended deployment can be deleted`() throws {
        var web = try Transcript.running()
        try web.ask(.hold)
        try web.note(.deletionRequested)
        try web.settle()
        #expect(web.rest == "Deleted: idle")
    }
}

@Suite struct RemovalTests {
    @Test func `a workload that cannot be stopped keeps it in Stopping, and shows why`() throws {
        var web = try Transcript.running()
        try web.note(.deletionRequested)
        for _ in 0..<20 { web.prepare(.stop(1), .permanent(.stopStuck, "process 42 outlives the kill")) }
        for _ in 0..<20 {
            #expect(try web.settle() == ["Stop revision 1: StopStuck"])
            #expect(web.condition(.stalled) == "true, StopStuck")
            web.pass(300)
        }
        try web.settle()
        #expect(web.rest == "Deleted: idle")
    }

    @Test func `files that cannot be removed are tried for ever`() throws {
        var web = try Transcript.running()
        try web.note(.deletionRequested)
        for _ in 0..<10 { web.prepare(.removeVolumes, .permanent(.fileSystemError, "read-only")) }
        for _ in 0..<10 {
            try web.settle()
            #expect(web.phase == .uninstalling)
            web.pass(300)
        }
        try web.settle()
        #expect(web.rest == "Deleted: idle")
    }

    @Test func `a declaration during the removal waits for its end`() throws {
        var web = try Transcript.running()
        try web.note(.deletionRequested)
        let change = DeploymentRecord.change(
            of: web.record,
            to: deployment(spec(1)),
            templateHash: digest(1),
            origin: origin,
            uid: "b",
            at: at(0).wall
        )
        #expect(change == .afterDeletion)
        #expect(throws: IllegalTransition.self) {
            try web.note(.declared(web.record.declaration, revision: nil, uid: "b"))
        }
    }

    @Test func `a name that is declared again after Deleted begins anew, with numbers never used before`()
        throws
    {
        var web = try Transcript.running()
        try web.note(.deletionRequested)
        try web.settle()
        let epoch = web.record.epoch
        try web.declare(1)
        #expect(web.phase == .requested)
        #expect(web.record.uid == "b")
        #expect(web.record.generation == 1)
        #expect(web.record.declaration.revision == 2)
        #expect(web.record.epoch > epoch)
        try web.settle()
        #expect(web.rest == "Running: idle")
    }
}
