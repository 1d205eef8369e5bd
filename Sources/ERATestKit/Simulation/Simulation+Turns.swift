import ERAContracts
import ERACore
import ERAEngine
import Synchronization

/// What happens in a simulated world.
extension Simulation {
    static let nameCount = 4

    /// One thing that a user, time or misfortune does.
    func turn() {
        if sabotage == .retriesForever { meddle() }
        look()
        switch random.below(24) {
        case 0...4: declare()
        case 5: undeclare()
        case 6: breakFile()
        case 7: killWorkload()
        case 8: crashAndBoot()
        case 9, 16, 17: operate()
        case 10: toggleSource()
        case 11: toggleDisk()
        case 12: if random.chance(0.3) { reboot() }
        case 13: jumpWall()
        case 15: breakHost()
        case 14: if random.chance(0.3) { suspend() }
        default: pass(.milliseconds(random.below(20_000)))
        }
    }

    private func declare() {
        let index = random.below(Self.nameCount)
        var deployment = wanted[index] ?? SimulatedDeployment(index: index)
        switch random.below(4) {
        case 0: deployment.behaviour = .good
        case 1: deployment.behaviour = random.pick(SimulatedHost.Behaviour.allCases) ?? .good
        case 2: deployment.hasProbe.toggle()
        default: deployment.dependsOn = index > 0 && random.chance(0.5) ? random.below(index) : nil
        }
        deployment.minor += 1
        put(deployment)
    }

    func put(_ deployment: SimulatedDeployment) {
        wanted[deployment.index] = deployment
        checks.declaredAt[deployment.key] = clock.now().uptime
        source.change { state in
            state.files["\(deployment.name).yaml"] = Array(deployment.manifest.utf8)
            state.unsettled.remove("\(deployment.name).yaml")
        }
        log("declare \(deployment.name) \(deployment.version)")
    }

    private func undeclare() {
        guard let deployment = random.pick(wanted.keys.sorted().compactMap { wanted[$0] }) else { return }
        remove(deployment)
    }

    func remove(_ deployment: SimulatedDeployment) {
        checks.declaredAt[deployment.key] = nil
        wanted[deployment.index] = nil
        source.change { $0.files["\(deployment.name).yaml"] = nil }
        log("undeclare \(deployment.name)")
    }

    /// Half a file, or one that is still being written.
    private func breakFile() {
        guard let deployment = random.pick(wanted.keys.sorted().compactMap { wanted[$0] }) else { return }
        let half = Array(deployment.manifest.utf8.prefix(random.below(deployment.manifest.utf8.count)))
        let isUnsettled = random.chance(0.5)
        source.change { state in
            if isUnsettled {
                state.unsettled.insert("\(deployment.name).yaml")
            } else {
                state.files["\(deployment.name).yaml"] = half + Array("\n  {{".utf8)
            }
        }
        log("break \(deployment.name)")
    }

    private func killWorkload() {
        if let id = random.pick(host.running) { kill(id) }
    }

    private func kill(_ id: InstanceID) {
        host.exit(id, random.chance(0.5) ? .signal(9) : .code(1), at: clock.now().uptime)
        if random.chance(0.7) { hint(id) }
        chronicle.count("workload killed")
        log("kill \(id)")
    }

    private func operate() {
        var key = SimulatedDeployment(index: random.below(Self.nameCount)).key
        let stuck = disk.contents.records.filter { $0.value.record.phase == .rollbackFailed }.keys.min()
        if let stuck, random.chance(0.8) { key = stuck }
        let fitting: [Intent] =
            switch disk.contents.records[key]?.record.phase {
            case .rollbackFailed: [.accept, .accept, .retry]
            case .running: [.rollback(to: nil), .restart]
            default: [.retry]  // Whatever the phase: a person may ask for anything at any time.
            }
        let anything: [Intent] = [.retry, .rollback(to: nil), .accept, .restart, .suspend, .resume]
        let intents = random.chance(0.6) ? fitting : anything
        guard let intent = random.pick(intents) else { return }
        checks.intents[key, default: 0] += 1
        ask { [key] in _ = try await $0.request(intent, for: key) }
        if random.chance(0.1) { ask { _ = try await $0.confirmPrune() } }
        log("\(intent) \(key)")
    }

    private func toggleSource() {
        source.change { $0.isUnavailable.toggle() }
        log("toggle source")
    }

    private func toggleDisk() {
        disk.setFull(random.chance(0.3))
        log("toggle disk")
    }

    private func jumpWall() {
        clock.setWall(WallTime(sinceEpoch: .seconds(random.below(4_000_000_000))))
        log("jump wall")
    }

    /// The process stood still for minutes (SIGSTOP, a suspended machine) and goes on.
    private func suspend() {
        let pause = Duration.seconds(60 + random.below(900))
        clock.advance(by: pause)
        disk.flushDeferred()
        checks.resumedAt = clock.now().uptime
        chronicle.count("suspension")
        log("suspended for \(pause)")
        settle()
        checkSafety()
        checks.resumedAt = nil
    }

    /// From now on nothing of a deployment can be started, or everything again.
    private func breakHost() {
        let key = SimulatedDeployment(index: random.below(Self.nameCount)).key
        host.state.withLock { state in
            if state.broken.remove(key) == nil { state.broken.insert(key) }
        }
        if random.chance(0.7) { host.running.filter { $0.deployment == key }.forEach(kill) }
        log("break or mend what starts \(key)")
    }

    /// Retries what nobody asked to retry.
    private func meddle() {
        for index in 0..<Self.nameCount {
            let key = SimulatedDeployment(index: index).key
            ask { _ = try await $0.request(.retry, for: key) }
        }
    }

    /// Takes note of what only the running engine knows.
    private func look() {
        ask { [chronicle] engine in
            if await engine.health().degraded != nil { chronicle.count("degraded") }
            if await engine.sources().contains(where: { !$0.heldPrunes.isEmpty }) {
                chronicle.count("prune held")
            }
            for view in await engine.list().views {
                guard let wait = view.wait else { continue }
                chronicle.count("waits: \(wait.reason.word)")
            }
        }
    }

    // MARK: The second phase

    /// Ends all faults and has everybody say what is wanted.
    func calmDown() {
        faults.turnOff()
        host.state.withLock { $0.broken = [] }
        disk.setFull(false)
        source.change { state in
            state.isUnavailable = false
            state.unsettled = []
        }
        for index in wanted.keys.sorted() {
            guard let deployment = wanted[index] else { continue }
            put(deployment)
        }
        settle()
    }

    /// The operator lets go on what is held, and confirms what waits for
    /// that; refused while the store is down.
    private func release() {
        for key in disk.contents.records.filter(\.value.record.isHeld).keys.sorted() {
            ask { _ = try await $0.request(.resume, for: key) }
        }
        ask { _ = try await $0.confirmPrune() }
        settle()
    }

    /// Lets time pass until all has converged, or too much has passed or been done.
    func converge() {
        let start = clock.now().uptime
        let jobsBefore = jobs
        while clock.now().uptime - start < Self.convergenceLimit, violations.isEmpty {
            settle()
            checkSafety()
            runWorkloads()
            // What nobody hinted at is found by the next full look.
            if faults.isIdle, unconverged.isEmpty, clock.now().uptime - start > .seconds(65) { break }
            release()
            pass(.seconds(30))
        }
        violations += unconverged.map { "not converged: \($0)" }
        calmJobs = jobs - jobsBefore
        if calmJobs > Self.convergenceJobLimit {
            violations.append("converged only after \(calmJobs) jobs")
        }
        checkEnd()
        log("end \(summary)")
    }

    /// What crashes by script, does.
    func runWorkloads() {
        for id in host.running {
            let crashes = host.state.withLock { $0.instances[id]?.spec.behaviour == .crashes }
            guard crashes else { continue }
            host.exit(id, .code(3), at: clock.now().uptime)
            hint(id)
        }
        settle()
    }
}
