import Testing

@testable import ERACore

/// The semantics are those of Kubernetes' `core/v1.Probe`.
@Suite struct HealthMonitorTests {
    private static let handler = ProbeSpec.Handler.exec(command: ["true"])

    private func probe(
        delay: Int = 0,
        period: Int = 10,
        successes: Int = 1,
        failures: Int = 3
    ) -> ProbeSpec {
        ProbeSpec(
            handler: Self.handler,
            initialDelaySeconds: delay,
            periodSeconds: period,
            successThreshold: successes,
            failureThreshold: failures
        )
    }

    /// Performs whatever is due until `end`, each probe with the outcome that `outcome` says.
    ///
    /// - Returns: When each probe was begun, in seconds.
    @discardableResult
    private func run(
        _ monitor: inout HealthMonitor,
        from start: Double = 0,
        until end: Double,
        _ outcome: (ProbeKind, Double) -> Bool
    ) -> [(kind: ProbeKind, at: Double)] {
        var begun: [(ProbeKind, Double)] = []
        var now = at(start).uptime
        while now <= at(end).uptime {
            for due in monitor.begin(at: now) {
                let seconds = now.sinceBoot.inSeconds
                begun.append((due.kind, seconds))
                monitor.note(due.kind, outcome(due.kind, seconds) ? nil : "refused", at: now)
            }
            guard let next = monitor.nextAt else { break }
            now = max(next, now)
        }
        return begun
    }

    private func name(_ verdict: HealthVerdict) -> String {
        switch verdict {
        case .pending: "pending"
        case .healthy: "healthy"
        case .unready: "unready"
        case .failed(let failure): failure.code.rawValue
        }
    }

    @Test func `without probes an instance is healthy from its start`() {
        var monitor = HealthMonitor(HealthSpec(), startedAt: at(5).uptime)
        #expect(monitor.verdict == .healthy(since: at(5).uptime))
        #expect(monitor.begin(at: at(6).uptime).isEmpty)
        #expect(monitor.nextAt == nil)
    }

    @Test func `the first probe is due at once, and the first success makes it healthy from then`() {
        var monitor = HealthMonitor(HealthSpec(readiness: probe()), startedAt: at(1).uptime)
        #expect(monitor.nextAt == at(1).uptime)
        #expect(name(monitor.verdict) == "pending")
        #expect(monitor.begin(at: at(1).uptime).map(\.kind) == [.readiness])
        #expect(monitor.nextAt == nil)
        #expect(monitor.begin(at: at(2).uptime).isEmpty, "one attempt of a probe at a time")
        monitor.note(.readiness, nil, at: at(2).uptime)
        #expect(monitor.verdict == .healthy(since: at(2).uptime))
        #expect(monitor.nextAt == at(12).uptime)
    }

    @Test func `until the first success a probe is repeated after a ramp that ends in its period`() {
        var monitor = HealthMonitor(
            HealthSpec(startup: probe(period: 1, failures: 1000)),
            startedAt: at(0).uptime
        )
        let times = run(&monitor, until: 4) { _, _ in false }.map(\.at)
        #expect(Array(times.prefix(6)) == [0, 0.004, 0.012, 0.028, 0.060, 0.124])
        #expect(times.count < 16)
        for (earlier, later) in zip(times, times.dropFirst()) { #expect(later - earlier <= 1.0001) }
    }

    // failureThreshold failures a period apart, whatever the ramp does in between.
    @Test(arguments: [(1, 1, 0.0), (1, 3, 2.0), (10, 3, 20.0), (10, 1, 0.0), (5, 4, 15.0)])
    func `a probe that never succeeds fails after failureThreshold periods`(row: (Int, Int, Double)) {
        let (period, threshold, expected) = row
        for kind in [ProbeKind.startup, .liveness] {
            var spec = HealthSpec()
            if kind == .startup { spec.startup = probe(period: period, failures: threshold) }
            if kind == .liveness { spec.liveness = probe(period: period, failures: threshold) }
            var monitor = HealthMonitor(spec, startedAt: at(0).uptime)
            if expected > 0 {
                run(&monitor, until: expected - 0.01) { _, _ in false }
                #expect(name(monitor.verdict) == "pending")
            }
            run(&monitor, from: max(expected - 0.01, 0), until: expected) { _, _ in false }
            #expect(
                name(monitor.verdict) == (kind == .startup ? "StartupProbeFailed" : "LivenessProbeFailed")
            )
        }
    }

    @Test func `liveness and readiness begin when startup has succeeded`() {
        var monitor = HealthMonitor(
            HealthSpec(startup: probe(), liveness: probe(), readiness: probe()),
            startedAt: at(0).uptime
        )
        let begun = run(&monitor, until: 1) { kind, now in kind != .startup || now >= 0.05 }
        let first = begun.firstIndex { $0.kind != .startup } ?? 0
        #expect(begun[..<first].allSatisfy { $0.kind == .startup })
        #expect(begun[first].at >= 0.05)
        #expect(begun[first...].allSatisfy { $0.kind != .startup }, "startup is over after its success")
        #expect(name(monitor.verdict) == "healthy")
    }

    @Test func `initialDelaySeconds count from the start, also behind a startup probe`() {
        var late = HealthMonitor(HealthSpec(liveness: probe(delay: 30)), startedAt: at(10).uptime)
        #expect(late.nextAt == at(40).uptime)
        #expect(late.begin(at: at(39.9).uptime).isEmpty)
        #expect(name(late.verdict) == "pending")
        var behind = HealthMonitor(
            HealthSpec(startup: probe(), liveness: probe(delay: 30)),
            startedAt: at(0).uptime
        )
        run(&behind, until: 1) { _, _ in true }
        #expect(behind.nextAt == at(30).uptime)
    }

    @Test func `single failures below the threshold change nothing, and a success clears them`() {
        var monitor = HealthMonitor(
            HealthSpec(liveness: probe(), readiness: probe()),
            startedAt: at(0).uptime
        )
        run(&monitor, until: 95) { _, now in now.truncatingRemainder(dividingBy: 30) < 1 }
        #expect(monitor.verdict == .healthy(since: at(0).uptime))
    }

    @Test func `liveness fails after failureThreshold failures in a row`() {
        var monitor = HealthMonitor(HealthSpec(liveness: probe()), startedAt: at(0).uptime)
        run(&monitor, until: 29) { _, now in now < 1 }
        #expect(name(monitor.verdict) == "healthy")
        run(&monitor, from: 29, until: 30) { _, _ in false }
        #expect(name(monitor.verdict) == "LivenessProbeFailed")
        if case .failed(let failure) = monitor.verdict {
            #expect(failure.message == "the liveness probe failed 3 times in a row: refused")
            #expect(failure.persistence == .transient)
        }
    }

    @Test func `readiness that is lost is unready, not failed, and health begins anew with its return`() {
        var monitor = HealthMonitor(HealthSpec(readiness: probe()), startedAt: at(0).uptime)
        run(&monitor, until: 45) { _, now in now < 1 }
        #expect(monitor.verdict == .unready("readiness probe: refused"))
        run(&monitor, from: 45, until: 50) { _, _ in true }
        #expect(monitor.verdict == .healthy(since: at(50).uptime))
    }

    @Test func `successThreshold successes must follow each other, a period apart`() {
        var monitor = HealthMonitor(HealthSpec(readiness: probe(successes: 3)), startedAt: at(0).uptime)
        run(&monitor, until: 15) { _, now in now < 5 || now > 12 }
        #expect(name(monitor.verdict) == "pending", "a failure begins the count anew")
        var steady = HealthMonitor(HealthSpec(readiness: probe(successes: 3)), startedAt: at(0).uptime)
        run(&steady, until: 19) { _, _ in true }
        #expect(name(steady.verdict) == "pending")
        run(&steady, from: 19, until: 20) { _, _ in true }
        #expect(steady.verdict == .healthy(since: at(20).uptime))
    }

    // reliability.md: workloads keep running when the daemon is killed; their health is not in doubt.
    @Test func `an adopted instance stays healthy until probes say otherwise`() {
        let spec = HealthSpec(startup: probe(), liveness: probe(failures: 2), readiness: probe())
        var monitor = HealthMonitor(spec, startedAt: at(100).uptime, presumedHealthy: true)
        #expect(monitor.verdict == .healthy(since: at(100).uptime))
        let begun = run(&monitor, from: 100, until: 119) { _, _ in false }
        #expect(begun.map(\.at) == [110, 110])
        #expect(!begun.contains { $0.kind == .startup })
        #expect(name(monitor.verdict) == "healthy")
        run(&monitor, from: 119, until: 120) { _, _ in false }
        #expect(name(monitor.verdict) == "LivenessProbeFailed")
    }

    @Test func `an outcome of a probe that nobody asked for is ignored`() {
        var monitor = HealthMonitor(HealthSpec(readiness: probe()), startedAt: at(0).uptime)
        monitor.note(.liveness, "refused", at: at(1).uptime)
        #expect(name(monitor.verdict) == "pending")
    }
}
