@testable import ERACore

/// What must hold whatever happens, said without a word of how `decide` reaches it.
struct Checker {
    /// What is wrong with a decision taken in a state; empty when nothing is.
    func problems(with decision: Decision, _ record: DeploymentRecord, _ world: World, _ now: Timestamp)
        -> [String]
    {
        var problems: [String] = []
        func require(_ condition: Bool, _ problem: @autoclosure () -> String) {
            if !condition { problems.append(problem()) }
        }
        switch decision {
        case .record: break
        case .idle: break
        case .wait(let wait):
            require(wait.until.map { $0 > now.uptime } ?? true, "a wait for a time that is past")
            require(!wait.reason.text.isEmpty, "a wait without a reason")
        case .run(let step):
            require(!record.isSuspended || isRemoval(record), "\(step) while suspended")
            switch step {
            case .validate: break
            case .fetch(let revision):
                require(world[revision].done.contains(.validated), "\(step) before it was validated")
            case .prepare(let revision):
                require(world[revision].done.contains(.fetched), "\(step) before it was fetched")
            case .install(let revision):
                require(world[revision].done.contains(.ready), "\(step) before it was prepared")
            case .start(let revision):
                require(world[revision].done.contains(.ready), "\(step) before it was prepared")
                require(world[revision].status != .absent, "\(step) before it was installed")
                require(world.active.allSatisfy { $0 == revision.rawValue }, "\(step) beside \(world.active)")
                require(!world.condemned.contains(revision.rawValue), "\(step), which is quarantined")
            case .stop(let revision):
                let isHealthy = world[revision].status == .running && world[revision].verdict == .healthy
                let isServing = record.isAvailable && record.servedRevision == revision
                let isReplaced = [.installing, .updating].contains(record.phase)
                if isHealthy, isServing, isReplaced, revision != record.target {
                    require(
                        world.fresh.contains(.ready),
                        "\(step), which serves, before revision \(record.target) was prepared"
                    )
                }
                if isHealthy, record.phase == .running {
                    require(revision != record.target, "\(step) for nothing")
                }
            case .remove(let revision):
                require(!world.active.contains(revision.rawValue), "\(step), which has processes")
                require(record.phase == .rollingBack, "\(step) in \(record.phase)")
            case .purge(let revision):
                require(!world.active.contains(revision.rawValue), "\(step), which has processes")
                require(
                    isRemoval(record) || !needed(record).contains(revision.rawValue),
                    "\(step), which is needed"
                )
            case .removeVolumes:
                require(record.phase == .uninstalling, "\(step) in \(record.phase)")
                require(world.active.isEmpty, "\(step) under \(world.active)")
            }
        }
        return problems
    }

    private func isRemoval(_ record: DeploymentRecord) -> Bool {
        record.phase == .stopping || record.phase == .uninstalling
    }

    /// What a rollback, a retry or the present work may want back, from what users can read.
    private func needed(_ record: DeploymentRecord) -> [Int] {
        [record.target, record.declaration.revision, record.previous, record.servedRevision]
            .compactMap { $0?.rawValue }
    }

    /// What is wrong with one more fact.
    func problems(with kind: JournalEvent.Kind, _ old: DeploymentRecord, _ new: DeploymentRecord) -> [String]
    {
        var problems: [String] = []
        func require(_ condition: Bool, _ problem: @autoclosure () -> String) {
            if !condition { problems.append(problem()) }
        }
        require(new.epoch >= old.epoch, "the epoch goes back")
        require(new.generation >= old.generation || old.phase == .deleted, "the generation goes back")
        require(new.newestRevision >= old.newestRevision, "a revision's number is used again")
        require(new.revisions[new.target] != nil, "the target is forgotten")
        require(new.revisions[new.declaration.revision] != nil, "the declared revision is forgotten")
        require(new.onDisk.allSatisfy { new.revisions[$0] != nil }, "a revision on disk is forgotten")
        let isSettled = new.phase.isTerminal
        require(
            new.condition(.stalled)?.isTrue == true || !isSettled || new.phase == .deleted,
            "\(new.phase) and not Stalled"
        )
        if let ready = new.condition(.ready), ready.isTrue {
            require(new.condition(.available)?.isTrue == true, "Ready, not Available")
            require(new.condition(.synced)?.isTrue == true, "Ready, not Synced")
        }
        require(
            Set(new.conditions.map(\.kind)) == Set(Condition.Kind.allCases).subtracting([.restricted]),
            "a condition is missing"
        )
        return problems
    }

    /// What is wrong with a state in which nothing is left to do, and no fault comes any more.
    func problems(atRest decision: Decision, _ record: DeploymentRecord, _ world: World) -> [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ problem: @autoclosure () -> String) {
            if !condition { problems.append(problem()) }
        }
        if record.isSuspended, !isRemoval(record) { return [] }
        switch record.phase {
        case .running:
            require(record.servedRevision == record.target, "at rest, but not at its target")
            require(
                record.target == record.declaration.revision || record.quarantine != nil,
                "at rest with a revision that is not declared, and nothing says why"
            )
            require(
                record.target != record.declaration.revision || record.quarantine == nil,
                "the declared revision serves and is quarantined"
            )
            require(
                world.active.allSatisfy { $0 == record.target.rawValue },
                "\(world.active) run for nobody"
            )
            require(record.condition(.available)?.isTrue == true, "at rest, Running and not Available")
            require(record.onDisk.isSubset(of: record.referenced), "needless revisions stay on disk")
        case .failed:
            require(world.active.isEmpty, "\(world.active) run in Failed")
            require(
                record.quarantine != nil || record.target != record.declaration.revision,
                "Failed, no quarantine"
            )
        case .rollbackFailed: break
        case .deleted:
            require(world.places.allSatisfy { $0.status == .absent }, "files are left in Deleted")
            require(!world.hasVolumes, "volumes are left in Deleted")
        case .requested, .validating, .fetching, .preparing, .installing, .activating, .healthChecking,
            .updating,
            .rollingBack, .stopping, .uninstalling:
            problems.append("nothing happens any more in \(record.phase): \(decision)")
        }
        return problems
    }
}
